# Draws doc/performance.svg: awk -f figures.awk -f chart.awk cases goals results. Each panel has a scale of its own,
# each bar says its name and its figure, so that nothing hangs on colour. Who was not measured has no bar. Dark where
# the reader's system is.

function panel(title, remark, case_, key, format, scale,    i, x, most, width, name)
{
	body = body sprintf("<text class=\"title\" x=\"20\" y=\"%d\">%s</text>\n", y, title)
	body = body sprintf("<text class=\"note\" x=\"20\" y=\"%d\">%s</text>\n", y + 17, remark)
	y += 28
	most = 0
	for (i = 1; i <= bars; i++) {
		x = median(case_, bar[i], key)
		if (x != "" && x > most)
			most = x
	}
	for (i = 1; i <= bars; i++) {
		x = median(case_, bar[i], key)
		if (x == "" || most == 0)
			continue
		width = x / most * 430
		name = label[i]
		body = body sprintf("<text class=\"name\" x=\"130\" y=\"%d\">%s</text>\n", y + 14, name)
		body = body sprintf("<rect class=\"%s\" x=\"140\" y=\"%d\" width=\"%.1f\" height=\"18\"/>\n",
		                    i == 1 ? "ours" : "peer", y, width < 1.5 ? 1.5 : width)
		body = body sprintf("<text class=\"value\" x=\"%.1f\" y=\"%d\">" format "</text>\n", 148 + width, y + 14,
		                    x * scale)
		y += 24
	}
	y += 22
}

END {
	bars = split("pushsse bare nchan node better-sse socket.io", bar, " ")
	split("pushsse,bare loop,Nchan,Node.js,better-sse,socket.io", label, ",")
	y = 62
	panel("Deliveries a second, back to back to 5,000 streams", "thousands; more is better", "burst-5000",
	      "deliveries_per_s", "%.0f k", 0.001)
	panel("CPU for each delivery, one message at a time to 5,000 streams", "less is better", "rare-5000", "cpu_us_each",
	      "%.1f \302\265s", 1)
	panel("CPU for a publish to one of 10,000 users, with its delivery", "less is better", "unicast-10000",
	      "cpu_us_each", "%.1f \302\265s", 1)
	panel("Memory of the server for each stream, each with a user of its own", "less is better; the bare loop keeps nothing",
	      "unicast-10000", "memory_each", "%.0f B", 1)
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 %d\" width=\"720\" height=\"%d\" role=\"img\" " \
	       "aria-label=\"pushsse and its peers compared; the table has the figures\">\n", y + 14, y + 14
	print "<style>"
	print ".page{fill:#fff}text{font-family:system-ui,sans-serif;fill:#1f2328}.head{font-size:17px;font-weight:600}"
	print ".title{font-size:14px;font-weight:600}.note{font-size:12px;fill:#57606a}.name,.value{font-size:13px}"
	print ".name{text-anchor:end}.ours{fill:#0969da;stroke:#0969da}.peer{fill:#d0d7de;stroke:#57606a}"
	print "@media (prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#e6edf3}.note{fill:#9198a1}"
	print ".ours{fill:#4493f8;stroke:#4493f8}.peer{fill:#30363d;stroke:#9198a1}}"
	print "</style>"
	printf "<rect class=\"page\" width=\"720\" height=\"%d\" rx=\"6\"/>\n", y + 14
	print "<text class=\"head\" x=\"20\" y=\"32\">pushsse and its peers, one core each, messages of 100 bytes</text>"
	printf "%s<text class=\"note\" x=\"20\" y=\"%d\">%s</text>\n", body, y - 2, note[1]
	print "</svg>"
}
