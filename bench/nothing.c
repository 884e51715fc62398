// SPDX-License-Identifier: GPL-2.0-only
/* A static program that does nothing: what an exec costs. */
int main(void)
{
	return 0;
}
