# Makes the table of `make bench` from tests/bench/cases and the figures of the runs, one line for each:
# case server round key=value...
# Figures are medians over the rounds; ratios are medians of each round's ratio, as the two runs of a round are
# neighbours in time and share what else the machine was doing.

FNR == NR {
	if ($0 ~ /^[a-z]/) {
		order[++cases] = $1
		streams[$1] = $2
		kind[$1] = $5
		goal[$1] = $6
	}
	next
}

{
	run = $1 SUBSEP $2
	if (!(run in rounds))
		servers[$1] = servers[$1] " " $2
	rounds[run]++
	for (i = 4; i <= NF; i++) {
		split($i, pair, "=")
		value[run, rounds[run], pair[1]] = pair[2]
	}
	if (value[run, rounds[run], "status"] != 0)
		failed[run] = 1
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

function median(case_, server, key,    i, n, list, run)
{
	run = case_ SUBSEP server
	for (i = 1; i <= rounds[run]; i++)
		if ((run, i, key) in value)
			list[++n] = value[run, i, key] + 0
	return median_of(list, n + 0)
}

# Of key in case a over key in case b, round by round.
function ratio(a, server_a, b, server_b, key,    i, n, list, one, other)
{
	one = a SUBSEP server_a
	other = b SUBSEP server_b
	for (i = 1; i <= rounds[one]; i++)
		if ((one, i, key) in value && (other, i, key) in value && value[other, i, key] > 0)
			list[++n] = value[one, i, key] / value[other, i, key]
	return median_of(list, n + 0)
}

function cell(x, format)
{
	return x == "" ? "-" : sprintf(format, x)
}

# text: what was found; bound: the goal in words; met: 1 or 0.
function judge(found, text, bound, met)
{
	if (found == "")
		return sprintf("%-26s %-10s", "-", bound)
	return sprintf("%-26s %-10s %s", sprintf(text, found), bound, met ? "ok" : "SHORT")
}

# The verdicts on a server that is not the yardstick: one or two lines, in found[1..2].
function verdicts(c, server, found,    part, x)
{
	found[2] = ""
	split(goal[c], part, ":")
	if (kind[c] == "cpu") {
		x = ratio(c, server, c, "bare", "cpu_us_each")
		found[1] = judge(x, "%.2f x CPU of bare", "<= " part[1], x <= part[1])
	} else if (kind[c] == "rate") {
		x = ratio(c, server, c, "bare", "deliveries_per_s")
		found[1] = judge(x, "%.2f x rate of bare", ">= " part[1], x >= part[1])
		x = ratio(c, server, c, "bare", "cpu_us_each")
		found[2] = x == "" ? "" : sprintf("%.2f x CPU of bare", x)
	} else if (kind[c] == "p99" || kind[c] == "p99of") {
		x = median(c, server, "p99_us")
		found[1] = judge(x == "" ? "" : x / 1000, "p99 %.2f ms", "< " part[1] " ms", x < part[1] * 1000)
		if (kind[c] == "p99of" && (part[3] SUBSEP server) in rounds) {
			x = ratio(c, server, part[3], server, "p99_us")
			found[2] = judge(x, "p99 %.2f x " part[3], "<= " part[2], x <= part[2])
		}
	} else if (kind[c] == "idle") {
		x = median(c, server, "cpu_share")
		found[1] = judge(x == "" ? "" : x * 100, "%.2f %% of a core", "< " part[1] " %", x * 100 < part[1])
		x = median(c, server, "memory_each_end")
		found[2] = judge(x, "%.0f B memory a stream", "<= " part[2] " B", x <= part[2])
	}
}

# The bare loop's own p99 against its p99 among fewer streams: it does the same for both, so what is not 1 is noise.
function noise(c,    part, x)
{
	split(goal[c], part, ":")
	x = ratio(c, "bare", part[3], "bare", "p99_us")
	return x == "" ? "" : sprintf("p99 %.2f x %s", x, part[3])
}

function row(c, server,    run, rate, found)
{
	run = c SUBSEP server
	rate = cell(median(c, server, "deliveries_per_s"), "%.0f")
	if (median(c, server, "own_cpu_share") > 0.9) {
		rate = rate "*"
		starred = 1
	}
	found[1] = found[2] = ""
	if (server != "bare")
		verdicts(c, server, found)
	else if (kind[c] == "p99of")
		found[1] = noise(c)
	if (run in failed)
		found[1] = "BROKEN " found[1]
	printf "%-14s %-8s %7d %11s %8s %8s %8s %8s %8s %6s %7s  %s\n", c, server, streams[c], rate,
	       cell(median(c, server, "cpu_us_each"), "%.2f"), milliseconds(c, server, "p50_us"),
	       milliseconds(c, server, "p99_us"), milliseconds(c, server, "p999_us"),
	       milliseconds(c, server, "max_us"), cell(median(c, server, "memory_each"), "%.0f"),
	       cell(median(c, server, "connects_per_s"), "%.0f"), found[1]
	if (found[2] != "")
		printf "%-107s%s\n", "", found[2]
}

function milliseconds(c, server, key,    x)
{
	x = median(c, server, key)
	return x == "" || kind[c] == "idle" ? "-" : sprintf("%.2f", x / 1000)
}

END {
	printf "%-14s %-8s %7s %11s %8s %8s %8s %8s %8s %6s %7s  %-26s %s\n", "case", "server", "streams", "delivered/s",
	       "CPU us", "p50 ms", "p99 ms", "p99.9", "max", "B each", "open/s", "found", "goal"
	for (k = 1; k <= cases; k++) {
		n = split(servers[order[k]], list, " ")
		for (s = 1; s <= n; s++)
			row(order[k], list[s])
	}
	print "CPU us: of the server, for each delivery. B each: user memory for each stream after opening. Latency: from " \
	      "publish (when it was due, with a rate) to arrival."
	if (starred)
		print "*: the generator had no time left: a lower bound"
}
