# SPDX-License-Identifier: GPL-2.0-only
#
# compare.awk -v state=STATE REFUSED PLAIN AGAIN THERE: results under VBH are those
# without it. What is not the same twice without VBH says nothing; what policy
# refuses is in REFUSED, and counts when sealed. A part that is left out before the
# seal is none. Prints TAP lines.

BEGIN { FS = "\t" }
FNR == 1 { file++ }
file == 1 && !/^#/ && NF == 3 { rules++; part[rules] = $1; what[rules] = $2; how[rules] = $3; next }
file == 1 { next }
{ key = $1 "\t" $2; value = $3 ($4 == "" ? "" : "; " $4) }
file == 2 { plain[key] = value; order[++n] = key; next }
file == 3 { if (key in plain && plain[key] != value) noise[key] = 1; next }
{ there[key] = value; tried[$1] = 1 }

# What the kernel complains of is never as policy says; a violation, where it says so.
function refused(key, value,	i, name) {
	if (value ~ /the kernel complains/)
		return 0
	split(key, name, "\t")
	for (i = 1; i <= rules; i++)
		if (part[i] == name[1] && name[2] ~ "^(" what[i] ")$" && value ~ "^(" how[i] ")$" &&
		    (value !~ /violations/ || how[i] ~ /violations/))
			return 1
	return 0
}

END {
	for (i = 1; i <= n; i++) {
		key = order[i]
		split(key, name, "\t")
		if (key in noise || (state == "open" && !(name[1] in tried)))
			continue
		said = key in there ? there[key] : "nothing"
		if (said == plain[key])
			same[name[1]]++
		else if (state == "sealed" && refused(key, said))
			by_policy[name[1]]++
		else {
			printf "not ok - %s, %s %s: %s; without VBH: %s\n", state, name[1],
				name[2], said, plain[key]
			bad[name[1]]++
			status = 1
		}
		parts[name[1]] = 1
	}
	for (p in parts)
		if (!(p in bad))
			printf "ok - %s, %s: %d results are those without VBH%s\n", state, p,
			       same[p], by_policy[p] ? ", " by_policy[p] " refused by policy" : ""
	exit status
}
