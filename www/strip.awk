# strip.awk: a script as it is served: without comment lines, empty lines, indentation, blanks beside punctuation, and
# ends of lines after ; { and a comma, where no statement can end for want of a semicolon.
#
# It is no parser, so it leaves alone what it cannot be sure of: code before or behind a comment; a line with a slash,
# an apostrophe or a backslash, where a regular expression or an escape may be; and + and -, which may not meet (a - -b).
# Sources have strings in double quotes, which end on their line. tests/client/served.test.js compares the syntax trees.
# A comment that begins with "/*!", the name and the licence, stays.
{
	sub(/^[ \t]+/, "")
	sub(/[ \t]+$/, "")
}
inside { if (/\*\/$/) inside = 0; next }
/^\/\*/ && !/^\/\*!/ { if (!/\*\/$/) inside = 1; next }
/^\/\// || /^$/ { next }
!/[\/'\\]/ {
	parts = split($0, part, "\"")
	$0 = ""
	for (i = 1; i <= parts; i++) {
		if (i % 2) while (match(part[i], / +[][=,;:?{}()<>!&|*]|[][=,;:?{}()<>!&|*] +/)) {
			found = substr(part[i], RSTART, RLENGTH)
			gsub(/ /, "", found)
			part[i] = substr(part[i], 1, RSTART - 1) found substr(part[i], RSTART + RLENGTH)
		}
		$0 = $0 (i > 1 ? "\"" : "") part[i]
	}
}
{ printf "%s%s", $0, /[;{,]$/ ? "" : "\n" }
END { print "" }
