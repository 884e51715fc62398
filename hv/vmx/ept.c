// SPDX-License-Identifier: GPL-2.0-only
/*
 * EPT: the format of its entries, and forgetting what is cached of them. The
 * accessed and dirty flags stay off: with them the processor's own walks of the
 * guest's tables would count as writes.
 */
#include "vmx.h"

#define EPT_R			BIT(0)
#define EPT_W			BIT(1)
#define EPT_X			BIT(2)	/* for supervisor pages, with mode-based control */
#define EPT_LARGE		BIT(7)
#define EPT_XU			BIT(10)	/* ignored without mode-based control */
#define EPT_TYPE_SHIFT		3

/*
 * Without mode-based execute control one bit stands for both kinds of fetch, so
 * it takes both rights. A write right without read, and X alone where that is
 * not offered, would be misconfigurations.
 */
static u64 ept_leaf(u32 rights, u8 type)
{
	u64 e = (u64)type << EPT_TYPE_SHIFT;

	if (rights & VBH_R)
		e |= EPT_R | (rights & VBH_W ? EPT_W : 0);
	else if (!hv.caps.s2_exec_only)
		return e;
	if (hv.caps.exec_split)
		return e | (rights & VBH_X ? EPT_X : 0) | (rights & VBH_XU ? EPT_XU : 0);
	return e | ((rights & (VBH_X | VBH_XU)) == (VBH_X | VBH_XU) ? EPT_X : 0);
}

const struct pt_format vmx_ept = {
	.table = EPT_R | EPT_W | EPT_X | EPT_XU,
	.present = EPT_R | EPT_W | EPT_X | EPT_XU,
	.large = EPT_LARGE,
	.leaf = ept_leaf,
};

u64 vmx_eptp(void)
{
	return stage2_root() | (u64)(stage2_levels() - 1) << 3 | EPTP_WB;
}

void vmx_flush(struct hv_cpu *cpu)
{
	invept(vmx_eptp());
}
