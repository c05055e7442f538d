# Reads tests/bench/cases and then the figures of the runs, one line for each: case server round key=value...
# For table.awk and chart.awk, which come behind it on awk's command line.
#
# Figures are medians over the rounds; ratios are medians of each round's ratio, as the runs of a round are neighbours
# in time and share what else the machine was doing.

FILENAME ~ /cases$/ {
	if ($0 ~ /^[a-z]/) {
		order[++cases] = $1
	}
	next
}

FILENAME ~ /goals$/ {
	if ($0 ~ /^[a-z]/)
		goal[++goals] = $0
	next
}

/^#/ {
	sub(/^# ?/, "")
	note[++notes] = $0
	next
}

{
	run = $1 SUBSEP $2
	if (!(run in rounds))
		servers[$1] = servers[$1] " " $2
	rounds[run]++
	for (i = 4; i <= NF; i++) {
		split($i, pair, "=")
		value[run, $3, pair[1]] = pair[2]
	}
	if ($3 > last_round)
		last_round = $3
	if (value[run, $3, "status"] != 0)
		failed[run] = value[run, $3, "status"]
	derive(run, $3)
}

# Figures that are made of others.
function derive(run, round)
{
	if ((run, round, "cpu_share") in value)
		value[run, round, "cpu_percent"] = value[run, round, "cpu_share"] * 100
	if ((run, round, "memory_peak") in value)
		value[run, round, "memory_peak_mb"] = value[run, round, "memory_peak"] / 1048576
}

# The median of list[1..n], which is sorted on the way.
function median_of(list, n,    i, j, x)
{
	for (i = 2; i <= n; i++) {
		x = list[i]
		for (j = i - 1; j > 0 && list[j] > x; j--)
			list[j + 1] = list[j]
		list[j + 1] = x
	}
	if (n == 0)
		return ""
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# "" when there is none.
function median(case_, server, key,    i, n, list)
{
	for (i = 1; i <= last_round; i++)
		if ((case_, server, i, key) in value)
			list[++n] = value[case_, server, i, key] + 0
	return median_of(list, n + 0)
}

# Of key in one run over another key in another, round by round.
function ratio(case_a, server_a, key_a, case_b, server_b, key_b,    i, n, list, below)
{
	for (i = 1; i <= last_round; i++) {
		if (!((case_a, server_a, i, key_a) in value) || !((case_b, server_b, i, key_b) in value))
			continue
		below = value[case_b, server_b, i, key_b]
		if (below > 0)
			list[++n] = value[case_a, server_a, i, key_a] / below
	}
	return median_of(list, n + 0)
}
