# Prints the tables of `make bench`: awk -f figures.awk -f table.awk cases goals results.

function cell(x, format)
{
	return x == "" ? "-" : sprintf(format, x)
}

# Three digits that matter.
function short(x)
{
	return x == "" ? "-" : sprintf(x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f", x)
}

function against(c, server, key, peer)
{
	return server == peer ? "-" : short(ratio(c, server, key, c, peer, key))
}

function milliseconds(c, server, key,    x)
{
	x = median(c, server, key)
	return x == "" || !(median(c, server, "deliveries") > 0) ? "-" : sprintf("%.2f", x / 1000)
}

function rate_of(c, server,    x)
{
	x = median(c, server, "deliveries_per_s")
	if (x == "")
		return cell(median(c, server, "publishes_per_s"), "%.0f")
	if (x == 0)
		return "-"
	if (median(c, server, "own_cpu_share") > 0.9) {
		starred = 1
		return sprintf("%.0f*", x)
	}
	return sprintf("%.0f", x)
}

# Of a few streams nothing can be told.
function memory_of(c, server)
{
	return median(c, server, "streams") < 100 ? "-" : cell(median(c, server, "memory_each"), "%.0f")
}

function row(c, server,    run, word)
{
	run = c SUBSEP server
	word = ""
	if (run in failed)
		word = failed[run] == "start" ? "  did not start" : "  BROKEN: " failed[run]
	printf "%-13s %-14s %11s %6s %6s %8s %6s %6s %8s %8s %8s %8s %6s %6s %6s%s\n", c, server, rate_of(c, server),
	       against(c, server, "deliveries_per_s", "bare"), against(c, server, "deliveries_per_s", "nchan"),
	       cell(median(c, server, "cpu_us_each"), "%.2f"),
	       against(c, server, "cpu_us_each", "bare"), against(c, server, "cpu_us_each", "nchan"),
	       milliseconds(c, server, "p50_us"), milliseconds(c, server, "p99_us"), milliseconds(c, server, "p999_us"),
	       milliseconds(c, server, "max_us"), memory_of(c, server),
	       cell(median(c, server, "cpu_percent"), "%.1f"), cell(median(c, server, "connects_per_s"), "%.0f"), word
}

function print_figures(    k, s, n, list)
{
	printf "%-13s %-14s %11s %6s %6s %8s %6s %6s %8s %8s %8s %8s %6s %6s %6s\n", "case", "server", "delivered/s",
	       "/bare", "/nchan", "CPU us", "/bare", "/nchan", "p50 ms", "p99 ms", "p99.9", "max", "B each", "CPU %", "open/s"
	for (k = 1; k <= cases; k++) {
		n = split(servers[order[k]], list, " ")
		for (s = 1; s <= n; s++)
			row(order[k], list[s])
		if (n && k < cases)
			print ""
	}
	print "CPU us: of all processes of the server, for each delivery; CPU %: of one core. B each: user memory for each"
	print "stream after opening. Latency: from publish (when it was due, with a rate) to arrival; storm: from the first"
	print "reconnect. open/s: streams opened a second, by a generator that opens 256 (storm: 1,024) at a time."
	if (starred)
		print "*: the generator had no time left: a lower bound"
}

# Figures that fit no column.
function print_others(    i, j, n, part, names, one)
{
	n = split("journal-start:start_s journal-start:memory_payload sweep:sweep_ns sweep:sweep_cold_ns " \
	          "sweep:kernel_bytes_each lock-2:samples lock-2:lock_percent churn-5000:memory_growth", names, " ")
	for (i = 1; i <= n; i++) {
		split(names[i], part, ":")
		for (j = split(servers[part[1]], one, " "); j > 0; j--)
			if (median(part[1], one[j], part[2]) != "")
				printf "%-13s %-14s %s %s\n", part[1], one[j], part[2], short(median(part[1], one[j], part[2]))
	}
}

function print_goal(text,    part, other, x, of, met)
{
	split(text, part, " ")
	of = ""
	if (part[6] == "-") {
		x = median(part[1], part[2], part[3])
	} else {
		split(part[6], other, "/")
		x = ratio(part[1], part[2], part[3], other[1], other[2], other[3])
		of = " x " part[6]
	}
	if (part[3] == "status" && (part[1] SUBSEP part[2]) in rounds)
		x = (part[1] SUBSEP part[2]) in failed
	met = part[4] == "<=" ? x <= part[5] : x >= part[5]
	printf "%-13s %-14s %-16s %8s  %s %-5s%-41s %s\n", part[1], part[2], part[3], short(x), part[4], part[5], of,
	       x == "" ? "no figure" : met ? "met" : "MISSED"
}

END {
	for (k = 1; k <= notes; k++)
		print note[k]
	print ""
	print_figures()
	print ""
	print_others()
	print ""
	printf "%-13s %-14s %-16s %8s  %s\n", "goals", "server", "figure", "found", "bound"
	for (k = 1; k <= goals; k++)
		if (wanted == "" || index(wanted, " " substr(goal[k], 1, index(goal[k], " ") - 1) " "))
			print_goal(goal[k])
}
