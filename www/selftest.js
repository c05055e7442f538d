/*
 * selftest.js: the page /selftest: what the proxies between this browser and pushsse do to streams and long-polls.
 *
 * It asks /events and /poll, as every client does, so that it measures the paths that matter. The one thing of its own is
 * the parameter `heartbeat` of /events, in ms: a silent stream is one whose heartbeat is far, a busy one has a short one.
 *
 * The address may bring, behind the #, `token=` and, for tests of this page, `scale=`: 0.02 makes all times that are
 * waited 50 times shorter (though no heartbeat goes below 100 ms, what is to show delays stays long enough for
 * that, and a poll waits for whole seconds).
 */
(function () {
"use strict";

const hash = new URLSearchParams(location.hash.slice(1));
const scale = Number(hash.get("scale")) || 1;
let token = hash.get("token") || "";

/* ms, but where it says otherwise */
const BEAT = Math.max(100, 250 * scale);  /* between the events that show whether bytes arrive when they are sent */
const BEATS = 12;
const GAP = 1000;                         /* of silence where messages come all the time: more is not chance */
const CALM = 2000;                        /* hello, so long nothing, one event */
const GRACE = Math.max(1500, 3000 * scale); /* for an answer that is late, though not lost */
const STEPS = [20, 35, 65, 100, 130].map(function (s) { return s * 1000 * scale; }); /* a little more than what is usual */
const WAIT = Math.ceil(55 * scale);        /* s that a long-poll asks to be held: the most that it may */
const WAIT_USUAL = 25 * scale;             /* s, when it does not say */
const LENGTH = 5000 * Math.max(scale, 0.5) + STEPS[1] + STEPS[3]; /* of the whole test, about */

const TITLES = {
	reach: "pushsse can be reached",
	version: "HTTP version",
	instant: "Bytes arrive when they are sent",
	coding: "Streams are not compressed",
	resume: "A browser can go on where it was",
	silence: "The longest silence that survives",
	age: "A stream with heartbeats stays open",
	poll: "Long-polling, for where streams fail"
};

/* What to change, by proxy: a line of its configuration, and what there is to say about it. */
const FIXES = {
	held: {
		nginx: ["proxy_buffering off;", "In the location of /events. pushsse asks for it with every answer (X-Accel-Buffering: no), so there " +
			"is likely a line proxy_ignore_headers with X-Accel-Buffering: remove that too."],
		Apache: ["SetEnvIf Request_URI \"/(events|poll)$\" no-gzip=1", "mod_deflate gathers small pieces. (flushpackets does nothing for HTTP.)"],
		HAProxy: ["option http-no-delay", "In the frontend and the backend."],
		Caddy: ["@rest not path /events /poll\nencode @rest gzip", "encode is to leave /events alone. reverse_proxy itself passes streams on at once."],
		Varnish: ["if (req.url ~ \"^/(events|poll)\") { return (pipe); }", "In vcl_recv."],
		Cloudflare: ["", "No setting on Free and Pro. Bypass the cache for /events and switch Rocket Loader off."],
		"Antivirus, TLS inspection": ["", "Nothing can be done at the server. Try from another machine or network: if it is good there, it is this. " +
			"Clients that fall back to long-polling get through."]
	},
	coding: {
		nginx: ["gzip off;", "In the location of /events; or take text/event-stream, or *, out of gzip_types."],
		Apache: ["SetEnvIf Request_URI \"/(events|poll)$\" no-gzip=1", ""],
		HAProxy: ["compression type text/html text/css", "Without text/event-stream."],
		Caddy: ["@rest not path /events /poll\nencode @rest gzip", ""],
		Varnish: ["if (req.url ~ \"^/(events|poll)\") { return (pipe); }", "In vcl_recv."]
	},
	silence: {
		nginx: ["proxy_read_timeout 120s;", "In the location of /events and /poll. It is 60s by default."],
		Apache: ["ProxyTimeout 120", "Or timeout=120 behind the ProxyPass of it. By default it is the value of Timeout."],
		HAProxy: ["timeout client 120s\ntimeout server 120s", "Often 30s. (timeout tunnel does not count for streams.)"],
		Varnish: ["if (req.url ~ \"^/(events|poll)\") { return (pipe); }", "In vcl_recv; or raise between_bytes_timeout."],
		Cloudflare: ["", "Fixed at 100 s but on Enterprise: keep --heartbeat far below."],
		"AWS load balancer (ALB)": ["idle_timeout.timeout_seconds = 120", "An attribute of the load balancer; 60 by default."],
		"Firewall, router, mobile network": ["", "Nobody can change those: choose --heartbeat by them."]
	},
	age: {
		Varnish: ["if (req.url ~ \"^/(events|poll)\") { return (pipe); }", "In vcl_recv: send_timeout limits a whole answer."],
		"Any other": ["", "Look for a limit on the length of a request or an answer, not for an idle timeout."]
	},
	version: {
		nginx: ["listen 443 ssl http2;", "From nginx 1.25.1 on: http2 on;"],
		Apache: ["Protocols h2 http/1.1", "With mod_http2, and an MPM that is not prefork."],
		HAProxy: ["bind :443 ssl crt FILE alpn h2,http/1.1", ""],
		Caddy: ["", "Has it by itself, once it serves HTTPS."]
	},
	resume: {
		nginx: ["proxy_pass_request_headers on;", "On is the default: look for off, or for proxy_set_header Last-Event-ID."],
		"Any other": ["", "Look for a list of request headers that are let through, and add Last-Event-ID."]
	},
	forward: {
		nginx: ["location ~ ^/(events|poll|selftest.*)$ { ... }", "The README has the whole of it."],
		"Any other": ["", "/events and /poll have to reach pushsse's public listener under the same prefix as this page."]
	}
};

const HINTS = ["Server", "Via", "X-Powered-By", "CF-RAY", "CF-Cache-Status", "X-Cache", "X-Varnish", "X-Served-By", "X-Amz-Cf-Id"];
const seen = {};         /* header name: value, of those that proxies add */
let between = [];        /* proxies by name, as these say */
let cursor = "";         /* a position */
let roundTrip = 0;       /* of a request on an open connection */
let beganAt = 0;         /* when the test did, */
let endsAt = 0;          /* ... and when it will be done */
let running = false;
let checks = {};
let open = [];           /* what is to be closed when the page goes */

function now() { return performance.now(); }

function sleep(ms) { return new Promise(function (done) { setTimeout(done, ms); }); }

function $(id) { return document.getElementById(id); }

function parse(text) {
	try { return JSON.parse(text); } catch (e) { return null; }
}

/* ---- What is shown ---- */

function add(parent, tag, text, className) {
	const element = parent.appendChild(document.createElement(tag));
	if (text) element.textContent = text;
	if (className) element.className = className;
	return element;
}

function spell(ms) {
	return ms < 999.5 ? Math.round(ms) + " ms" : ms < 9950 ? (ms / 1000).toFixed(1).replace(/\.0$/, "") + " s" : Math.round(ms / 1000) + " s";
}

function layOut() {
	$("checks").textContent = "";
	checks = {};
	Object.keys(TITLES).forEach(function (id) {
		const item = add($("checks"), "li");
		const row = add(item, "div", "", "row");
		item.id = id;
		item.dataset.state = "waiting";
		add(row, "span", "", "mark");
		add(row, "h2", TITLES[id]);
		checks[id] = {item: item, state: "waiting", value: add(row, "span", "waits", "value"), words: add(item, "div", "", "words"),
			more: add(item, "div", "", "more"), text: []};
	});
}

/* State of one check: its value in a word or two, and sentences. `fix` names a table of what to change. */
function judge(id, state, value, sentences, fix) {
	const check = checks[id];
	check.state = check.item.dataset.state = state;
	check.value.textContent = value;
	check.words.textContent = "";
	check.text = [].concat(sentences).filter(Boolean);
	check.text.forEach(function (sentence) { add(check.words, "p", sentence); });
	[].forEach.call(check.item.querySelectorAll(".fix"), function (old) { old.remove(); });
	if (fix) showFix(check, FIXES[fix]);
	tell();
}

function showFix(check, fixes) {
	const box = add(check.item, "div", "", "fix more");
	const names = Object.keys(fixes);
	const first = names.filter(function (name) { return between.includes(name); });
	const rest = names.filter(function (name) { return !between.includes(name); });
	add(box, "h3", "What to change");
	if (first.length) addFixes(box, first, fixes);
	if (rest.length) {
		const others = first.length ? add(box, "details") : box;
		if (first.length) add(others, "summary", "In another proxy");
		addFixes(others, rest, fixes);
	}
	(first.length ? first : names).forEach(function (name) {
		check.text.push("  " + name + ": " + fixes[name].filter(Boolean).join("  -- ").replace(/\n/g, "; "));
	});
}

function addFixes(parent, names, fixes) {
	const list = add(parent, "dl");
	names.forEach(function (name) {
		const entry = add(list, "div");
		add(entry, "dt", name);
		const dd = add(entry, "dd");
		if (fixes[name][0]) add(dd, "code", fixes[name][0]);
		if (fixes[name][1]) add(dd, "span", fixes[name][1]);
	});
}

function states(state) {
	return Object.keys(checks).filter(function (id) { return checks[id].state === state; });
}

/* The verdict over all of them. */
function sum() {
	const bad = function (id) { return checks[id].state === "bad"; };
	const polls = {bad: " Long-polling does not work either.", note: " Long-polling works, with the remark below.",
		good: " Long-polling gets through, so clients that fall back to it work meanwhile."}[checks.poll.state] || "";
	if (bad("reach")) return "The test could not begin.";
	if (bad("instant")) return "Something in between holds streams back." + polls;
	if (bad("silence")) return "Something in between cuts streams between two heartbeats." + polls;
	if (bad("poll")) return "Long-polling is cut. Streams are what most readers use.";
	if (states("bad").length) return "Something has to be changed.";
	if (running) return states("note").length ? "Works so far, with remarks." : "Good so far.";
	if (String(states("note")) === "version") return "It works. HTTP/2 at the proxy would lift the limit of six connections.";
	return states("note").length ? "It works. Something could be better." : "All good: nothing between this browser and pushsse is in the way.";
}

function tell() {
	const state = states("bad").length ? "bad" : states("note").length ? "note" : running ? "running" : "good";
	const summary = sum();
	$("verdict").dataset.state = state;
	if ($("summary").textContent !== summary) $("summary").textContent = summary; /* a live region speaks at every write */
	$("report").value = "pushsse self-test of " + location.origin + location.pathname + ", " + new Date().toISOString() + "\n" +
		navigator.userAgent + "\n" + (running ? "(still running) " : "") + summary + "\n\n" +
		Object.keys(checks).map(function (id) {
			return "[" + checks[id].state + "] " + TITLES[id] + ": " + checks[id].value.textContent +
				checks[id].text.map(function (line) { return "\n    " + line; }).join("");
		}).join("\n") + "\n";
}

function remark(text) {
	$("remark").hidden = false;
	$("remark").textContent = text;
}

/* ---- Requests ---- */

function address(path, more) {
	return path + "?token=" + encodeURIComponent(token) + more;
}

/* Asks once: {status, json, text, headers, took, url}; status 0 without an answer. `ms`: gives up then. */
async function ask(more, ms) {
	const abort = new AbortController();
	const timer = setTimeout(function () { abort.abort(); }, ms);
	const got = {status: 0, json: null, text: "", headers: new Headers(), url: "", asked: now()};
	open.push(abort);
	try {
		const response = await fetch(address("poll", more), {cache: "no-store", signal: abort.signal});
		got.status = response.status;
		got.headers = response.headers;
		got.url = response.url;
		got.text = await response.text();
		got.json = parse(got.text);
	} catch (e) {
		got.status = 0;
	}
	clearTimeout(timer);
	got.took = now() - got.asked;
	note(got.headers);
	return got;
}

function isPoll(got) {
	return got.status === 200 && got.json && got.json.v === 1 && typeof got.json.lastEventId === "string" && Array.isArray(got.json.events);
}

/*
 * Reads a stream, to its end. What is heard of it grows: `blocks`, each {at, event, data}; `ended` is when it ended, and `why`
 * the server's own reason, or "" when it was cut.
 */
function listen(more, headers) {
	const abort = new AbortController();
	const stream = {asked: now(), answered: 0, status: 0, headers: new Headers(), blocks: [], hello: null, helloAt: 0, heard: 0,
		ended: 0, why: "", close: function () { abort.abort(); }};
	open.push(abort);
	stream.done = read(stream, more, Object.assign({Accept: "text/event-stream"}, headers), abort.signal);
	return stream;
}

async function read(stream, more, headers, signal) {
	const decoder = new TextDecoder();
	let rest = "";
	try {
		const response = await fetch(address("events", more), {headers: headers, cache: "no-store", signal: signal});
		stream.answered = now();
		stream.status = response.status;
		stream.headers = response.headers;
		note(response.headers);
		if (response.status === 200) {
			const reader = response.body.getReader();
			for (let got; !(got = await reader.read()).done;) {
				rest += decoder.decode(got.value, {stream: true});
				stream.heard = now();
				for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) take(stream, rest.slice(0, end));
			}
		}
	} catch (e) {
		/* cut, or closed by this page */
	}
	stream.ended = now();
}

function take(stream, text) {
	const block = {at: now(), event: "", data: ""};
	text.split("\n").forEach(function (line) {
		if (line.startsWith("event: ")) block.event = line.slice(7);
		if (line.startsWith("data: ")) block.data = line.slice(6);
	});
	stream.blocks.push(block);
	if (block.event === "pushsse.hello") {
		stream.hello = parse(block.data);
		stream.helloAt = block.at;
	} else if (block.event === "pushsse.busy") {
		stream.why = "it said busy (" + ((parse(block.data) || {}).reason || "") + ")";
	} else if (block.event === "pushsse.expired") {
		stream.why = "the token has expired";
	} else if (block.event === "pushsse.bye") {
		stream.why = "the uid was disconnected";
	} else if (!block.event && !block.data && text.startsWith("retry: ")) {
		stream.why = "it had reached --max-age";
	}
}

/* Waits until found() holds or ms have passed. */
async function until(found, ms) {
	for (const end = now() + ms; !found() && now() < end;) await sleep(Math.min(50, ms));
	return found();
}

/* ---- Who is in between ---- */

function note(headers) {
	HINTS.forEach(function (name) {
		const value = headers.get(name);
		if (value) seen[name] = value;
	});
	const said = (seen.Server || "") + " " + (seen.Via || "");
	const is = {
		nginx: /nginx|openresty|tengine/i.test(said), Apache: /apache/i.test(said), HAProxy: /haproxy/i.test(said), Caddy: /caddy/i.test(said),
		Varnish: /varnish/i.test(said) || seen["X-Varnish"], Cloudflare: /cloudflare/i.test(said) || seen["CF-RAY"]
	};
	between = Object.keys(is).filter(function (name) { return is[name]; });
}

function whoIsBetween() {
	const list = Object.keys(seen).map(function (name) { return name + ": " + seen[name]; });
	return list.length ? "Proxies that name themselves: " + list.join(", ") + ". Others may be silent about it (HAProxy and load balancers are)."
		: "No proxy names itself. There may be some all the same (HAProxy and load balancers do not).";
}

/* ---- Reach, HTTP version ---- */

const REFUSALS = {
	token_missing: "There is no token.",
	token_invalid: "The token is not this server's. Print one with pushsse token, and the secret file that the server runs with.",
	token_expired: "The token has expired. Print another one with pushsse token."
};

async function reach() {
	judge("reach", "running", "asks", "");
	const slow = setTimeout(function () {
		judge("reach", "running", "waits", "No answer yet. Perhaps no connection is free: browsers have six for one host over HTTP/1.1. Close other tabs of this site.");
	}, GRACE);
	const first = await ask("&wait=0", 20000);
	const error = first.json && first.json.error;
	clearTimeout(slow);
	if (REFUSALS[error]) {
		judge("reach", "bad", "refused", REFUSALS[error]);
		token = "";
	} else if (error) {
		judge("reach", "bad", String(first.status), "pushsse answered " + first.status + ": " + error + ".");
	} else if (!isPoll(first)) {
		judge("reach", "bad", first.status ? String(first.status) : "no answer", (first.status ?
			"/poll was answered with " + first.status + ", and not by pushsse: " : "/poll was not answered: ") +
			"a proxy does not pass it on, though it passes this page on. " + whoIsBetween(), "forward");
	} else {
		cursor = first.json.lastEventId;
		return await greet(first);
	}
	return false;
}

async function greet(first) {
	const second = await ask("&wait=0&lastEventId=" + encodeURIComponent(cursor), 10000);
	if (!isPoll(second)) {
		judge("reach", "bad", "not always", "The first request was answered, the second was not.");
		return false;
	}
	roundTrip = second.took;
	judge("reach", "good", spell(roundTrip), ["A request takes " + spell(first.took) + ", and " + spell(second.took) + " on an open connection.", whoIsBetween()]);
	const entry = await timing(second.url);
	showVersion(entry);
	checks.poll.reused = !!entry && entry.connectStart === entry.connectEnd;
	return true;
}

/* What the browser knows of the last request to this address. It comes a little after the answer. */
async function timing(url) {
	let entries = [];
	await until(function () { return (entries = performance.getEntriesByName(url)).length; }, 1000);
	return entries[entries.length - 1];
}

function showVersion(entry) {
	const protocol = entry && entry.nextHopProtocol || "";
	const hop = "This is the way from the browser to the first proxy; from the last one to pushsse it is always HTTP/1.";
	if (/^h[23]/.test(protocol))
		judge("version", "good", "HTTP/" + protocol[1], ["All tabs share one connection, so streams do not run out of connections.", hop]);
	else if (protocol)
		judge("version", "note", protocol.toUpperCase(), ["Browsers open at most six connections to one host, over all tabs, and each stream holds one: " +
			"with six open, the pages of the site no longer load. HTTP/2 at the proxy lifts this. Browsers speak it over HTTPS only.", hop], "version");
	else
		judge("version", "note", "unknown", "This browser does not tell. On HTTP/1.1, six connections are all that it has for one host, and each stream holds one.");
}

/* ---- Bytes when they are sent ---- */

function pings(stream) {
	return stream.blocks.filter(function (block) { return block.event === "pushsse.ping"; });
}

/* What the site publishes to everyone meanwhile. It takes the place of pings, which come only when nothing else does. */
function messages(stream) {
	return stream.blocks.filter(function (block) { return block.event ? !block.event.startsWith("pushsse.") : block.data; });
}

/* The longest time for which nothing arrived, from its head up to its end or to now. */
function longestGap(stream) {
	const times = [stream.answered].concat(stream.blocks.map(function (block) { return block.at; }), stream.ended || now());
	return Math.max.apply(null, times.slice(1).map(function (at, n) { return at - times[n]; }));
}

/* How long this page could not run at most, until that is done. */
async function longestPause(done) {
	let last = now(), longest = 0;
	function look() {
		longest = Math.max(longest, now() - last);
		last = now();
	}
	const watch = setInterval(look, 50);
	await done;
	clearInterval(watch);
	look();
	return longest;
}

/* A line of time with a mark for each event sent (about then), and a dot for each as it arrived. */
function showStrip(stream) {
	if (!stream.blocks.length) return;
	const strip = add(checks.instant.more, "div", "", "strip");
	const from = stream.helloAt || stream.asked, length = Math.max(BEAT * (BEATS + 1), stream.heard - from);
	strip.setAttribute("aria-hidden", "true");
	for (let n = 0; n <= BEATS; n++) add(strip, "b").style.left = 100 * n * BEAT / length + "%";
	stream.blocks.forEach(function (block) { add(strip, "i").style.left = 100 * (block.at - from) / length + "%"; });
}

async function instant() {
	judge("instant", "running", "listens", "pushsse sends an event each " + spell(BEAT) + ".");
	/* The header has a good position and the query a bad one: hello says which of them it went by. */
	const busy = listen("&heartbeat=" + BEAT + "&lastEventId=selftest-0", {"Last-Event-ID": cursor});
	const calm = listen("&heartbeat=" + CALM, {});
	busy.hung = await longestPause(until(function () { return busy.ended || pings(busy).length >= BEATS; }, BEAT * BEATS + GRACE));
	const ended = busy.ended;
	busy.gap = longestGap(busy);
	busy.close();
	await until(function () { return calm.ended || pings(calm).length || !busy.hello; }, Math.max(0, calm.asked + CALM + GRACE - now()));
	const stuck = !busy.answered && !calm.answered && !isPoll(await ask("&wait=0", GRACE));
	calm.close();
	showStrip(busy);
	if (ended && pings(busy).length < BEATS) {
		refused(busy);
		return false;
	}
	if (busy.hello && busy.hello.heartbeat !== BEAT) {
		judge("instant", "bad", "another server", "This stream was answered by a server that runs without --selftest, " +
			"or a proxy takes parameters out of the address. All that serve this host have to run with it.");
		return false;
	}
	judgeCoding(busy.answered ? busy : calm);
	judgeResume(busy);
	return judgeInstant(busy, calm, stuck);
}

function refused(stream) {
	if (stream.why)
		judge("instant", "bad", "refused", "pushsse ended the stream: " + stream.why + ".");
	else
		judge("instant", "bad", stream.status === 200 || !stream.status ? "cut" : String(stream.status), stream.status === 200 || !stream.status ?
			"A stream was cut " + spell(stream.ended - stream.asked) + " after it was asked for, with " + pings(stream).length + " of its " + BEATS + " events." :
			"/events was answered with " + stream.status + "." +
			(stream.status >= 500 ? " A proxy says this when it cannot reach pushsse, or waits in vain for its answer." : ""), "forward");
}

function judgeInstant(busy, calm, stuck) {
	const beats = pings(busy);
	const gaps = beats.slice(1).map(function (block, n) { return block.at - beats[n].at; });
	const together = gaps.filter(function (gap) { return gap < BEAT / 2; }).length; /* the server never sends them so close */
	const uneven = together * 4 >= gaps.length;
	const others = messages(busy).length;
	/* What waits for the next event waits longer on the stream whose next event is far. */
	const behind = (calm.helloAt || Infinity) - calm.asked - (busy.helloAt - busy.asked);
	if (stuck) {
		judge("instant", "bad", "no connection", "No connection was free for a stream. Close other tabs of this site, and run the test again.");
	} else if (others && beats.length < BEATS && busy.gap > Math.max(GAP, 4 * BEAT)) {
		judge("instant", "bad", "in bursts", ["pushsse is never silent for longer than " + spell(BEAT) + " here, and sent " + others +
			" messages of the site too; yet for " + spell(busy.gap) + " nothing arrived. A proxy gathers them in a buffer."], "held");
	} else if (!beats.length && !others) {
		judge("instant", "bad", "held back", ["Within " + spell(BEAT * BEATS + GRACE) + " nothing of a stream arrived" +
			(busy.hello ? " but its first event" : busy.answered ? " but its head" : ", not even its head") +
			". A proxy gathers the answer in a buffer before it passes it on, or waits for its end.", "A browser shows messages far too late, or never."], "held");
	} else if (!others && beats.length >= 4 && together * 2 >= gaps.length && busy.hung > busy.gap / 2) {
		judge("instant", "note", "page was busy", "This page could not run for " + spell(busy.hung) + ", so what came meanwhile was seen together. " +
			"Close what keeps this computer busy, and run the test again.");
		return true;
	} else if (!others && (together * 2 >= gaps.length || beats.length < 4)) {
		judge("instant", "bad", "in bursts", ["Events that are sent one by one, each " + spell(BEAT) + ", arrive in bursts: " + beats.length +
			(beats.length < BEATS ? " of " + BEATS + " arrived in time, " : " arrived, ") + together + " of them together with the one before. A proxy gathers them in a buffer."], "held");
	} else if (behind > (CALM - BEAT) / 2 || (!calm.ended && !pings(calm).length && !messages(calm).length)) {
		judge("instant", "bad", "one behind", "An event arrives only when the next one is sent. Kaspersky is known for this; so are filters that look into TLS.", "held");
	} else if (others) {
		judge("instant", "good", "at once", "The site published meanwhile, so " + others + " messages came in the place of pings. " +
			"Nothing was held back for longer than " + spell(busy.gap) + ". The stream began " + spell(busy.helloAt - busy.asked) + " after it was asked for.");
		return true;
	} else {
		judge("instant", uneven ? "note" : "good", uneven ? "unevenly" : "at once", ["Of " + beats.length + " events, one each " + spell(BEAT) + ", " +
			(together ? together + " arrived together with the one before" : "each arrived by itself") + ". The stream began " + spell(busy.helloAt - busy.asked) + " after it was asked for.",
			uneven && "Wireless and mobile networks do this; so does a proxy with a short delay. Run it again on a cable."]);
		return true;
	}
	return false;
}

function judgeCoding(stream) {
	const coding = stream.headers.get("Content-Encoding");
	if (!stream.answered)
		judge("coding", "waiting", "unknown", "No head of a stream has arrived.");
	else if (coding)
		judge("coding", "note", coding, ["A proxy compresses streams (" + coding + ")" + (pings(stream).length ? ", though what it holds arrives." : ".") +
			" It costs memory for each stream, saves little, and is what holds events back in some proxies."], "coding");
	else
		judge("coding", "good", "plain", "Streams arrive as they were sent.");
}

function judgeResume(stream) {
	if (!stream.hello)
		judge("resume", "waiting", "unknown", "No stream has begun.");
	else if (stream.hello.reset === null)
		judge("resume", "good", "yes", "The position gets through, in the header Last-Event-ID and in the address: after a loss of the network nothing is missing.");
	else
		judge("resume", "bad", "no", "The header Last-Event-ID does not get through. Browsers that reconnect by themselves get messages twice, or miss some.", "resume");
}

/* ---- Silences ---- */

/* A line for each silence that is tried. */
function showSteps() {
	const list = add(checks.silence.more, "div", "", "steps");
	return STEPS.map(function (ms) {
		const row = add(list, "div");
		add(row, "span", spell(ms));
		const bar = add(row, "progress");
		bar.setAttribute("aria-label", spell(ms));
		bar.value = 0;
		row.dataset.state = "waiting";
		return {ms: ms, row: row, bar: bar, label: add(row, "span", "waits")};
	});
}

/* Opens a stream that is silent for so long, and looks what becomes of it: {ms, survived, broken, how}. */
async function stayOpen(step) {
	const ms = step.ms;
	const result = {ms: ms, survived: 0, broken: 0, how: ""};
	const stream = listen("&heartbeat=" + Math.max(100, Math.round(ms)), {});
	const slack = GRACE + ms * 0.05;
	for (let looked = 0, heard = 0; !result.how; await sleep(50)) {
		for (; looked < stream.blocks.length; looked++) {
			const block = stream.blocks[looked];
			const silent = Math.min(ms, block.at - heard); /* what is more is lateness */
			if (block.event === "pushsse.ping") result.how = "survived";
			if (heard) result.survived = Math.max(result.survived, result.how ? ms : silent); /* pushsse says nothing for ms, then a ping */
			heard = block.at;
		}
		if (result.how) break;
		step.bar.value = heard ? Math.min(1, (now() - heard) / ms) : 0;
		step.row.dataset.state = heard ? "running" : "waiting";
		step.label.textContent = heard ? "silent" : "no connection yet";
		if (stream.ended) {
			result.how = stream.why ? "ended" : heard ? "cut" : "failed";
			result.why = stream.why || String(stream.status || "no answer");
			result.broken = result.how === "cut" ? stream.ended - heard : 0;
		} else if (heard && now() - heard > ms + slack) {
			result.how = "lost";
			result.broken = ms;
		} else if (now() - stream.asked > 2 * ms + slack) {
			result.how = heard ? "interrupted" : "failed";
			result.why = "no answer";
		}
	}
	stream.close();
	showStep(step, result);
	return result;
}

function showStep(step, result) {
	step.row.dataset.state = {survived: "good", cut: "bad", lost: "bad"}[result.how] || "note";
	if (result.how === "survived") step.bar.value = 1;
	step.label.textContent = {survived: "survives", cut: "cut after " + spell(result.broken), lost: "lost without a word",
		interrupted: "interrupted", ended: "ended by pushsse", failed: "no stream"}[result.how];
}

async function silences(results) {
	const run = async function (step) {
		/* Nothing longer survives what has cut a shorter one. */
		if (results.some(function (r) { return r.broken && r.broken < step.ms; })) step.label.textContent = "not tried";
		else results.push(await stayOpen(step));
	};
	judge("silence", "running", "listens", "Streams on which nothing is sent for so long:");
	const steps = showSteps();
	/* Five connections at once, since HTTP/1.1 has six: the poll and the silence of 100 s take the place of shorter ones. */
	await Promise.all([
		run(steps[0]).then(longPoll), run(steps[1]).then(function () { return run(steps[3]); }), run(steps[2]), run(steps[4])
	]);
}

function judgeSilence(results, heartbeat) {
	const broken = results.filter(function (r) { return r.broken; });
	const limit = Math.min.apply(null, broken.map(function (r) { return r.broken; }));
	const survived = Math.max.apply(null, results.map(function (r) { return r.survived; }));
	const odd = results.find(function (r) { return r.how === "ended" || r.how === "failed"; });
	const beat = "The server's --heartbeat is " + spell(heartbeat) + ".";
	const safe = Math.max(1, Math.floor(limit / 3000)) + "s";
	if (broken.length) {
		const how = broken.some(function (r) { return r.how === "cut"; }) ? "A stream is cut after " + spell(limit) + " of silence." + usual(limit)
			: "After " + spell(limit) + " of silence a stream is dead, and nobody says so.";
		if (limit < heartbeat)
			judge("silence", "bad", spell(limit), [how, beat + " So streams are cut between two heartbeats, again and again. Raise the timeout in between, " +
				"or start pushsse with --heartbeat " + safe + "."], "silence");
		else if (limit < 1.9 * heartbeat)
			judge("silence", "note", spell(limit), [how, beat + " A heartbeat that is " + spell(limit - heartbeat) + " late comes too late. Raise the timeout in between, " +
				"or start pushsse with --heartbeat " + safe + "."], "silence");
		else
			judge("silence", "good", spell(limit), [how, beat + " That is often enough."]);
	} else if (survived > 0) {
		judge("silence", survived < 2 * heartbeat ? "note" : "good", "over " + spell(survived), [
			"No stream was cut in " + spell(survived) + " of silence" + (survived >= STEPS[4] * 0.9 ? ", and more was not tried." :
				"; more could not be measured: " + (odd ? odd.why : "messages came") + "."),
			beat + (survived < 2 * heartbeat ? " Whether a silence of that length survives was not measured." : " That is often enough.")]);
	} else {
		judge("silence", "note", "not measured", odd ? "No stream was silent for long: " + odd.why + "." : "Messages came all the time.");
	}
}

/* Whose timeout is usually that long. */
function usual(ms) {
	const list = [[30000, "HAProxy's configurations usually have"], [60000, "nginx (proxy_read_timeout), Apache and AWS load balancers have by default"],
		[100000, "Cloudflare has"], [120000, "some routers and load balancers have"]];
	const match = list.find(function (entry) { return Math.abs(ms - entry[0]) < entry[0] * 0.04; });
	return match ? " That is what " + match[1] + "." : "";
}

/* ---- A stream that lives by the server's own heartbeat ---- */

function judgeAge(stream, results) {
	const lived = (stream.ended || now()) - (stream.helloAt || stream.asked);
	const silent = (stream.ended || now()) - stream.heard;
	const limit = Math.min.apply(null, results.map(function (r) { return r.broken || Infinity; }));
	const beats = pings(stream).length;
	const all = "A stream with the server's own heartbeat lived for " + spell(lived) + " and had " + beats + (beats === 1 ? " heartbeat" : " heartbeats");
	if (!stream.hello)
		judge("age", "note", "not measured", "The stream did not begin: no connection was free, or it was refused.");
	else if (!stream.ended)
		judge("age", "good", spell(lived) + " and more", all + ", until the test was over.");
	else if (stream.why)
		judge("age", "note", spell(lived), all + ". Then pushsse ended it: " + stream.why + ".");
	else if (silent > limit * 0.7)
		judge("age", "bad", "cut", all + ". Then it was cut in the silence between two of them: see above.");
	else
		judge("age", "note", "cut after " + spell(lived), [all + ". Then it was cut, though it was not silent for long: something limits how long an answer may take, or was restarted meanwhile.",
			"Browsers reconnect and nothing is lost. But it costs a reconnect each time."], "age");
}

/* ---- Long-polling ---- */

async function longPoll() {
	const state = {got: null, at: cursor};
	judge("poll", "running", "waits", "A request that asks to be held for " + WAIT + " s.");
	for (let n = 0; n < 4; n++) { /* a message ends the wait: then again, from there */
		state.got = await ask("&wait=" + WAIT + "&lastEventId=" + encodeURIComponent(state.at), WAIT * 1000 + GRACE * 2);
		if (!isPoll(state.got) || !state.got.json.events.length) break;
		state.at = state.got.json.lastEventId;
	}
	judgePoll(state.got, state.got.took / 1000);
}

function judgePoll(got, held) {
	const kept = checks.poll.reused ? "Connections are kept open between two of them." :
		"The connection was not kept open between two of them: each costs a connection anew. Look for keepalive in the proxy's configuration.";
	const cached = /hit/i.test((got.headers.get("X-Cache") || "") + (got.headers.get("CF-Cache-Status") || ""));
	const asked = "It was answered at once when it asked to be (wait=0).";
	if (cached)
		judge("poll", "bad", "cached", "A proxy answered from its cache, though the answer forbids that (Cache-Control: no-store). Switch caching off for /events and /poll.");
	else if (isPoll(got) && got.json.events.length)
		judge("poll", "good", "works", [asked, "Messages came all the time, so the longest wait was not measured.", kept]);
	else if (isPoll(got) && held < WAIT * 0.9 - 0.3)
		judge("poll", "note", spell(held * 1000), [asked, "It was to be held for " + WAIT + " s and was answered after " + spell(held * 1000) +
			": the token ends, the server stops, or the position does not get through."]);
	else if (isPoll(got))
		judge("poll", checks.poll.reused ? "good" : "note", "held " + spell(held * 1000), [asked, "It was held for all the " + WAIT + " s that it asked for, and its JSON is whole.", kept]);
	else if (got.json && got.json.error)
		judge("poll", "bad", String(got.status), "pushsse answered " + got.status + ": " + got.json.error + ".");
	else
		judge("poll", held < WAIT_USUAL ? "bad" : "note", "cut after " + spell(held * 1000), [asked, "A request that was to be held for " + WAIT + " s was cut after " + spell(held * 1000) +
			(got.status ? ", with " + got.status : "") + "." + usual(held * 1000), "Raise the timeout in between, or have clients ask for less: wait=" + Math.max(1, Math.floor(held * 0.8)) + "."], "silence");
}

/* ---- All of it ---- */

function tick() {
	const left = Math.max(0, Math.round((endsAt - now()) / 1000));
	$("progress").value = Math.min(1, (now() - beganAt) / (endsAt - beganAt));
	$("left").textContent = left ? "about " + Math.floor(left / 60) + ":" + ("0" + left % 60).slice(-2) + " left" : "nearly done";
	if (now() - tick.last > 10000)
		remark("This tab or this computer slept for " + spell(now() - tick.last) + " during the test. Run it again, and keep the tab in front.");
	tick.last = now();
}

async function measure() {
	const results = [];
	if (!await reach()) return;
	if (!await instant()) {
		["silence", "age"].forEach(function (id) {
			judge(id, "waiting", "not measured", "Can be measured only when bytes arrive when they are sent. Change that first, and run the test again.");
		});
		endsAt = now() + WAIT * 1000;
		await longPoll();
		return;
	}
	const own = listen("", {}); /* as the server's clients open it */
	judge("age", "running", "listens", "A stream as every client opens it.");
	await silences(results);
	const lived = Object.assign({}, own); /* before this page closes it */
	own.close();
	judgeSilence(results, lived.hello ? lived.hello.heartbeat : 15000);
	judgeAge(lived, results);
}

async function run() {
	running = true;
	beganAt = tick.last = now();
	endsAt = beganAt + LENGTH;
	$("ask").hidden = true;
	$("verdict").hidden = $("checks").hidden = $("text").hidden = $("running").hidden = false;
	$("again").hidden = $("remark").hidden = true;
	layOut();
	tell();
	const timer = setInterval(tick, 250);
	await measure();
	clearInterval(timer);
	open.forEach(function (abort) { abort.abort(); });
	open = [];
	running = false;
	$("running").hidden = true;
	$("again").hidden = false;
	if (!token) askForToken();
	states("waiting").forEach(function (id) { checks[id].value.textContent = "not measured"; });
	tell();
}

function askForToken() {
	$("ask").hidden = false;
	$("token").value = "";
}

$("form").onsubmit = function (e) {
	e.preventDefault();
	token = $("token").value.trim();
	if (token) run();
};
$("again").onclick = run;
addEventListener("hashchange", function () { location.reload(); });
addEventListener("pagehide", function () { open.forEach(function (abort) { abort.abort(); }); });
$("token").value = ""; /* a browser may have kept it over a reload */
if (token) run();
else askForToken();
}());
