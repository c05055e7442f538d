/*
 * dashboard.js: what the server is doing, drawn from one stream of /stats, and who is online.
 *
 * The API key goes into the header of each request and nowhere else; this tab keeps it. All that the server tells is put
 * into the page as text, never as HTML: a uid may be anything.
 */
(function () {
"use strict";

const WINDOW = 300;          // seconds that the charts show
const GAP = 3500;            // ms between two reports beyond which a line is broken
const SILENT = 6000;         // ms without a report after which the stream is dead: one comes every second
const BACKOFF_MAX = 30000;   // ms between attempts
const REFRESH = 2000;        // ms between two looks at who is online, or
const REFRESH_SHARE = 20;    // ... times as long as a look takes, since the server walks through all uids for it,
const REFRESH_MAX = 8000;    // ... but no longer
const KICKED_AFTER = 300;    // ms after which those who were kicked have gone
const CALL_WITHIN = 10000;   // ms for any other answer
const PAGE = 20;             // uids of a page
const TABLE_STEP = 15;       // seconds between two rows of a chart's table
const REASONS = {            // of close, in words; others are shown as they are
	client: "client left", expired: "token expired", evicted: "too many of one uid",
	replaced: "replaced: same cid", kicked: "kicked", lag: "too far behind", sendTimeout: "took nothing in time",
	age: "reached its age", drain: "server stopping", answered: "poll answered", memory: "no memory",
};
const STOPPING = "The server is stopping.";
const UNREACHABLE = "The server cannot be reached. This page tries again by itself.";
const STORED_KEY = "pushsse.key";

const $ = (id) => document.getElementById(id);
const known = (value) => value !== null && value !== undefined;

function make(parent, tag, text, className) {
	const element = parent.appendChild(document.createElement(tag));
	if (text !== undefined) element.textContent = text;
	if (className) element.className = className;
	return element;
}

function draw(parent, tag, attributes, text) {
	const element = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
	for (const name in attributes) element.setAttribute(name, attributes[name]);
	if (text !== undefined) element.textContent = text;
	return element;
}

function show(element, text) {
	if (element.textContent !== text) element.textContent = text; // a live region speaks at every write
}

// ---- Figures as text

const digits = (n, most) => n.toLocaleString("en", {maximumFractionDigits: most});
const plain = (n) => n >= 1e6 ? digits(n / 1e6, 2) + " M" : digits(n, n < 10 ? 1 : 0);
const whole = (n) => digits(n, 0);

function scaled(n, step, units) {
	let unit = 0;
	while (unit < units.length - 1 && n >= step) {
		n /= step;
		unit++;
	}
	return digits(n, n < 10 && unit ? 1 : 0) + " " + units[unit];
}

const bytes = (n) => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
const duration = (us) => scaled(us, 1000, ["µs", "ms", "s"]);
const clock = (ms) => new Date(ms).toTimeString().slice(0, 8);
const count = (n, word) => whole(n) + " " + word + (n === 1 ? "" : "s");

function span(seconds) {
	const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
	const at = parts.findIndex(([length]) => seconds >= length);
	return at < 0 ? "0 s" : parts.slice(at, at + 2).map(([length, unit]) => {
		const n = Math.floor(seconds / length);
		seconds -= n * length;
		return n + " " + unit;
	}).join(" ");
}

// ---- What is drawn. A line is a figure of a report, or of two: `seconds` lie between them

const sum = (object) => Object.values(object).reduce((a, b) => a + b, 0);
const rate = (of) => (now, before, seconds) => before && (of(now) - of(before)) / seconds;

function meanFanout(now, before) {
	const a = now.total.fanout, b = before && before.total.fanout;
	return b && a.rounds > b.rounds ? (a.time - b.time) / (a.rounds - b.rounds) : null;
}

// The upper end of the highest bucket that something fell into.
function slowestFanout(now, before) {
	if (!before) return null;
	let bound = null, last = 0;
	for (const name of Object.keys(now.total.fanout.below)) {
		last = Number(name) || last * 2;
		if (now.total.fanout.below[name] > before.total.fanout.below[name]) bound = last;
	}
	return bound;
}

const charts = [
	{id: "streams", title: "Streams and users", unit: "streams open", format: whole, lines: [
		{name: "streams", of: (now) => now.streams}, {name: "users", of: (now) => now.users}]},
	{id: "publishes", title: "Publishes", unit: "a second", format: plain, lines: [
		{name: "publishes a second", of: rate((r) => r.total.publishes)}]},
	{id: "deliveries", title: "Deliveries", unit: "a second", format: plain, lines: [
		{name: "messages sent a second", of: rate((r) => r.total.deliveries)}]},
	{id: "bytes", title: "Bytes sent", unit: "a second", format: bytes, binary: true, lines: [
		{name: "bytes a second", of: rate((r) => r.total.bytes)}]},
	{id: "fanout", title: "Fan-out time", unit: "on average", format: duration, sparse: true, lines: [
		{name: "average", of: meanFanout}, {name: "slowest, below", of: slowestFanout}]},
	{id: "lag", title: "Lag of the slowest readers", unit: "the slowest", format: bytes, binary: true, lines: [
		{name: "the slowest", of: (now) => now.lag.largest}, {name: "all who lag", of: (now) => now.lag.all}],
		note: (now) => count(now.lag.blocked, "reader") + " blocked"},
	{id: "log", title: "Log size", unit: "retained", format: bytes, binary: true, lines: [
		{name: "retained", of: (now) => now.retainedBytes},
		{name: "journal", of: (now) => now.journal && now.journal.bytes}],
		note: (now) => count(now.retained, "message") + ", at most " + bytes(now.limits.retainedBytes)},
	{id: "closes", title: "Opened and closed", unit: "closed a second", format: plain, lines: [
		{name: "closed", of: rate((r) => sum(r.total.closed))},
		{name: "opened", of: rate((r) => r.total.streams + r.total.polls)}],
		note: () => "streams and polls"},
];

let reports = []; // [{at, report, values: of each chart, of each line}], the oldest first

// ---- Drawing

const plot = {height: 132, left: 50, right: 8, top: 10, bottom: 20};

function build(chart) {
	const figure = make($("charts"), "figure", undefined, "card chart");
	figure.id = "chart-" + chart.id;
	make(figure, "h3", chart.title).id = "title-" + chart.id;
	const now = make(figure, "p", undefined, "now");
	chart.value = make(now, "b", "–");
	make(now, "span", chart.unit);
	if (chart.note) chart.remark = make(figure, "p", "", "range");
	chart.range = make(figure, "p", "", "range");
	chart.legend = make(figure, "p", undefined, "lines");
	chart.lines.forEach((line, i) => {
		line.item = make(chart.legend, "span");
		draw(draw(line.item, "svg", {viewBox: "0 0 22 8", "aria-hidden": "true"}), "path", {d: "M0 4H22", class: "l" + i});
		line.text = make(line.item, "span", line.name);
	});
	chart.svg = draw(figure, "svg",
		{class: "plot", role: "img", "aria-labelledby": "title-" + chart.id + " desc-" + chart.id});
	chart.details = make(figure, "details");
	make(chart.details, "summary", "As a table");
	chart.table = make(chart.details, "table");
	chart.details.ontoggle = () => drawTable(chart);
	chart.svg.onpointermove = (e) => { chart.pointer = e.offsetX; drawChart(chart); };
	chart.svg.onpointerleave = () => { chart.pointer = undefined; drawChart(chart); };
}

// A round number at or above n, so that the half of it is one too.
function ceiling(n, binary) {
	const base = binary ? 1024 : 10;
	const unit = Math.pow(base, Math.max(0, Math.floor(Math.log(Math.max(n, 1)) / Math.log(base))));
	const steps = binary ? [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [2, 4, 6, 8, 10];
	return unit * steps.find((step) => n <= step * unit * 1.0001 || step === base);
}

// A line is broken where a value is missing for longer than a moment; one alone is a dot.
function path(chart, line, x, y) {
	let d = "", last = -Infinity;
	for (const {at, values} of reports) {
		const value = values[chart.index][line];
		if (!known(value)) continue;
		const joined = at - last < GAP;
		d += (joined ? "L" : "M") + x(at).toFixed(1) + " " + y(value).toFixed(1) + (joined ? "" : "h.01");
		last = at;
	}
	return d;
}

function axes(chart, svg, top, width) {
	const {left, right, height, bottom} = plot;
	const down = height - bottom - plot.top;
	for (const part of [0, 0.5, 1]) {
		const y = plot.top + down * (1 - part);
		draw(svg, "path", {d: "M" + left + " " + y + "H" + (width - right), class: "grid"});
		draw(svg, "text", {x: left - 6, y: y + 4, "text-anchor": "end"}, chart.format(top * part));
	}
	for (const minutes of [5, 3, 2, 1, 0]) {
		const x = width - right - (width - left - right) * minutes * 60 / WINDOW;
		draw(svg, "text", {x, y: height - 5, "text-anchor": minutes === 5 ? "start" : minutes ? "middle" : "end"},
			minutes === 5 ? "−5 min" : minutes ? "−" + minutes : "now");
	}
}

function drawChart(chart) {
	const svg = chart.svg, width = svg.clientWidth, {left, right, height, bottom} = plot;
	const end = reports.length ? reports[reports.length - 1].at : 0;
	const all = reports.flatMap(({values}) => values[chart.index]).filter(known);
	const top = ceiling(Math.max(0, ...all), chart.binary);
	const x = (at) => width - right - (width - left - right) * (end - at) / 1000 / WINDOW;
	const y = (value) => height - bottom - (height - bottom - plot.top) * value / top;

	if (!width) return;
	svg.textContent = "";
	svg.setAttribute("viewBox", "0 0 " + width + " " + height);
	draw(svg, "desc", {id: "desc-" + chart.id},
		chart.value.textContent + " " + chart.unit + "; " + chart.range.textContent);
	axes(chart, svg, top, width);
	chart.lines.forEach((line, i) => draw(svg, "path", {d: path(chart, i, x, y), class: "l" + i})); // both are seen where they meet
	pointAt(chart, svg, x);
}

// What stood where the pointer is goes into the legend.
function pointAt(chart, svg, x) {
	let found = reports[reports.length - 1];
	if (chart.pointer !== undefined && found) {
		found = reports.reduce((a, b) => Math.abs(x(b.at) - chart.pointer) < Math.abs(x(a.at) - chart.pointer) ? b : a);
		draw(svg, "path", {class: "hair", d: "M" + x(found.at).toFixed(1) + " " + plot.top + "V" + (plot.height - plot.bottom)});
	}
	chart.lines.forEach((line, i) => {
		const value = found && found.values[chart.index][i];
		line.item.hidden = !known(value) && i > 0 && !chart.sparse;
		show(line.text, line.name + (known(value) ? " " + chart.format(value) : "") +
			(chart.pointer !== undefined && found && i === 0 ? " at " + clock(found.at) : ""));
	});
}

function drawFigures(chart) {
	const all = reports.map(({values}) => values[chart.index][0]).filter(known);
	const last = reports[reports.length - 1];
	const value = last && last.values[chart.index][0];

	show(chart.value, known(value) ? chart.format(value) : chart.sparse && last ? "–" : "…");
	if (chart.note && last) show(chart.remark, chart.note(last.report));
	show(chart.range, all.length ? "5 min: " + chart.format(Math.min(...all)) + " to " + chart.format(Math.max(...all))
		: last ? "nothing in 5 min" : "");
}

function drawTable(chart) {
	if (!chart.details.open) return;
	const step = ({at}) => Math.floor(at / 1000 / TABLE_STEP);
	const rows = reports.filter((r, i) => i + 1 === reports.length || step(r) !== step(reports[i + 1]));
	chart.table.textContent = "";
	const head = make(make(chart.table, "thead"), "tr");
	make(head, "th", "time");
	for (const {name} of chart.lines) make(head, "th", name, "number");
	const body = make(chart.table, "tbody");
	for (const {at, values} of rows.reverse()) {
		const row = make(body, "tr");
		make(row, "td", clock(at));
		for (const value of values[chart.index]) make(row, "td", known(value) ? chart.format(value) : "–", "number");
	}
}

function drawReasons(report) {
	const oldest = reports[0].report.total.closed, now = report.total.closed;
	const most = Math.max(1, ...Object.keys(now).map((name) => now[name] - oldest[name]));
	const body = $("reasons");

	body.textContent = "";
	for (const name of Object.keys(now)) {
		const row = make(body, "tr"), recent = now[name] - oldest[name];
		row.dataset.reason = name;
		make(row, "td", REASONS[name] || name);
		const share = draw(make(row, "td"), "svg",
			{class: "share", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true"});
		draw(share, "rect", {width: recent ? Math.max(1, 100 * recent / most) : 0, height: 10});
		make(row, "td", whole(recent), "number");
		make(row, "td", whole(now[name]), "number");
	}
}

function drawList(id, entries) {
	const list = $(id);
	entries.forEach(([name, value], i) => {
		const item = list.children[i] || make(list, "div");
		if (!item.firstChild) {
			make(item, "dt");
			make(item, "dd");
		}
		show(item.firstChild, name);
		show(item.lastChild, value);
	});
	while (list.children.length > entries.length) list.lastChild.remove();
}

function drawState(report, before, seconds) {
	const journal = report.journal;
	const each = (of) => before ? plain((of(report) - of(before)) / seconds) + " a second" : "…";
	show($("journal-state"), !journal ? "none: messages are in memory" : journal.failing ? "failing" : "good");
	$("journal-state").toggleAttribute("data-bad", Boolean(journal && journal.failing));
	drawList("journal-figures", !journal ? [] : [
		["Files", count(journal.segments, "segment") + ", " + bytes(journal.bytes) + " of " + bytes(journal.maxBytes)],
		["Records written", each((r) => r.total.stored) + ", " + whole(report.total.stored) + " in all"],
		["Syncs", each((r) => r.total.syncs) + ", " + whole(report.total.syncs) + " in all"],
		["Failures", whole(report.total.storageFailures)],
	]);
	drawList("server-figures", [
		["Version", report.version],
		["Up for", span(report.uptime)],
		["Workers", whole(report.workers)],
		["Streams and polls", whole(report.streams) + " of " + whole(report.limits.streams)],
		["Connections", whole(report.connections)],
		["Audiences", whole(report.audiences)],
		["Requests", each((r) => r.total.requests)],
		["Refused", whole(report.total.refused)],
		["Last id", report.lastEventId],
	]);
	show($("present"), count(report.users, "user") + ", " + count(report.streams, "stream"));
}

function alarmOf(report) {
	if (report.journal && report.journal.failing)
		return "Storage is failing: publishes are refused until the disk takes something again.";
	return report.draining ? STOPPING : "";
}

// What was found out since the last report counts for more than what that said.
function drawAlarm() {
	const last = reports[reports.length - 1];
	const alarm = trouble !== undefined ? trouble : last ? alarmOf(last.report) : "";
	show($("alarm"), alarm);
	$("alarm").hidden = !alarm;
}

function drawAll() {
	if (document.hidden || $("main").hidden) return;
	const last = reports[reports.length - 1], previous = reports[reports.length - 2];
	charts.forEach((chart) => {
		drawFigures(chart);
		drawChart(chart);
		drawTable(chart);
	});
	drawAlarm();
	if (!last) return;
	drawReasons(last.report);
	const before = previous && last.follows ? previous.report : null;
	drawState(last.report, before, before && (last.report.uptimeMs - before.uptimeMs) / 1000);
}

// ---- What arrives

let offset = 0; // of this page's clock, ms, to the server's uptime

function take(report) {
	const last = reports[reports.length - 1];
	const same = last && report.uptimeMs > last.report.uptimeMs && report.total.requests >= last.report.total.requests;

	if (last && !same) reports = []; // it was started anew: its counters begin at 0
	if (!same || !openedAt) offset = Date.now() - report.uptimeMs;
	const at = report.uptimeMs + offset;
	const follows = Boolean(same && at - last.at < GAP);
	const seconds = follows ? (report.uptimeMs - last.report.uptimeMs) / 1000 : 0;
	const before = follows ? last.report : null;
	trouble = undefined;
	reports.push({at, report, follows, values: charts.map(({lines}) => lines.map(({of}) => of(report, before, seconds)))});
	while (at - reports[0].at > WINDOW * 1000) reports.shift();
	drawAll();
}

// ---- The stream

let key = "";
let attempt = null; // AbortController of what is under way
let timer = 0;      // of the next attempt
let openedAt = 0;   // when this stream sent its first report; 0: it has not
let failures = 0;   // since the last good stream
let trouble;        // the alarm by what attempts came to since the last report; undefined: they told nothing

function setState(state, detail) {
	show($("state"), state);
	show($("detail"), detail);
	$("pill").dataset.state = state;
	document.body.toggleAttribute("data-stale", state !== "live");
}

// A header holds bytes, and fetch() takes one for each character.
function headers() {
	const raw = String.fromCharCode(...new TextEncoder().encode(key));
	return key ? {Authorization: "Bearer " + raw} : {};
}

function stop() {
	clearTimeout(timer);
	if (attempt) attempt.abort();
	attempt = null;
	openedAt = 0;
}

async function begin() {
	stop();
	const own = attempt = new AbortController();
	let watchdog = 0, why = "The connection was lost."; // the next attempt tells more
	const watch = () => {
		clearTimeout(watchdog);
		watchdog = setTimeout(() => own.abort(), SILENT);
	};
	setState("connecting", "");
	try {
		watch();
		const answer = await fetch("stats?stream=1", {headers: headers(), cache: "no-store", signal: own.signal});
		if (answer.status === 401) return lock(await answer.json());
		why = answer.status === 503 ? await explainBusy(answer) : "The server answered " + answer.status + ".";
		if (!answer.ok) {
			trouble = why === STOPPING ? STOPPING : "";
		} else {
			unlock();
			why = "The connection was lost.";
			await read(answer.body.getReader(), watch, own);
		}
	} catch (e) {
		if (own !== attempt) return; // it was ended on purpose
		if (own.signal.aborted) why = "Nothing was heard for " + SILENT / 1000 + " s.";
		else if (!openedAt) why = "No answer from the server.";
		if (own.signal.aborted || !openedAt) trouble = UNREACHABLE;
	} finally {
		clearTimeout(watchdog);
	}
	if (own === attempt) retry(why);
}

async function explainBusy(answer) {
	const {error} = await answer.json();
	return error === "too_many_streams" ? "Too many dashboards are open." : STOPPING;
}

async function read(reader, watch, own) {
	const decoder = new TextDecoder();
	let text = "";
	for (;;) {
		const {done, value} = await reader.read();
		if (done || own !== attempt) return;
		text += decoder.decode(value, {stream: true});
		const blocks = text.split("\n\n");
		text = blocks.pop();
		for (const block of blocks) {
			const data = /^event: stats\ndata: (.*)$/.exec(block);
			if (!data) continue;
			watch();
			take(JSON.parse(data[1]));
			openedAt = openedAt || Date.now();
			failures = 0;
			setState("live", "Figures arrive every second.");
		}
	}
}

// Doubling pauses with jitter.
function retry(why) {
	stop();
	const pause = 500 + Math.random() * Math.min(BACKOFF_MAX, 1000 * Math.pow(2, failures++));
	drawAlarm();
	setState("waiting", why + " Next attempt in " + (pause / 1000).toFixed(1) + " s.");
	timer = setTimeout(begin, pause);
}

// ---- The key

function storage(act) {
	try { return act(sessionStorage); } catch (e) { return null; } // a browser may forbid it
}

function lock(answer) {
	const refused = answer && answer.error === "key_invalid";
	stop();
	clearTimeout(refresher);
	key = "";
	storage((s) => s.removeItem(STORED_KEY));
	reports = [];
	forgetPeople();
	$("kick").close();
	$("main").hidden = $("logout").hidden = true;
	$("login").hidden = false;
	show($("wrong"), refused ? "This is not a key of this server." : "");
	setState("locked", "The API key is needed.");
	$("key").value = "";
	$("key").focus();
}

// The key is good, or there is none.
function unlock() {
	if (key) storage((s) => s.setItem(STORED_KEY, key));
	$("login").hidden = true;
	$("main").hidden = false;
	$("logout").hidden = !key;
	refresh();
}

async function refresh() {
	const began = Date.now();
	if (!document.hidden) await look();
	clearTimeout(refresher);
	const pause = Math.min(REFRESH_MAX, Math.max(REFRESH, (Date.now() - began) * REFRESH_SHARE));
	if (!$("main").hidden) refresher = setTimeout(refresh, pause);
}

// ---- Who is online

let refresher = 0;
let after = "";    // where the page that is shown begins
let prefix = "";   // what was searched for
let next = null;   // where the next page begins
let looked = 0;    // looks so far: an answer that was overtaken is not shown

// Answers {status, json}, status 0 without an answer.
async function call(method, path, fields) {
	const abort = new AbortController(), within = setTimeout(() => abort.abort(), CALL_WITHIN);
	const form = fields && new URLSearchParams(fields);
	try {
		const get = method === "GET", options = {method, headers: headers(), cache: "no-store", signal: abort.signal};
		const answer = await fetch(get ? path + "?" + form : path, get ? options : Object.assign(options, {body: form}));
		const json = await answer.json();
		if (answer.status === 401) lock(json);
		return {status: answer.status, json};
	} catch (e) {
		return {status: 0, json: {}};
	} finally {
		clearTimeout(within);
	}
}

// What begins with the prefix comes right after it, in the order of bytes; the uid of that name alone is asked for.
async function look() {
	const own = ++looked, exact = prefix && after === prefix;
	const [page, same] = await Promise.all([call("GET", "online", {limit: PAGE, after}),
		exact ? call("GET", "online", {uid: prefix}) : {status: 200, json: {online: {}}}]);

	if (own !== looked || page.status === 401) return;
	if (page.status !== 200 || same.status !== 200) {
		const wrong = page.status !== 200 ? page : same;
		const what = wrong.status === 400 ? "This cannot be a uid." : "The server answered " + wrong.status + ".";
		if (wrong.status) tell(what, true); // without an answer, the state at the top says so
		return;
	}
	const found = Object.entries(page.json.online).filter(([uid]) => uid.startsWith(prefix));
	// JSON.parse() puts names that are numbers first: the order is made again.
	found.sort(([a], [b]) => compare(a, b));
	next = page.json.next !== null && page.json.next.startsWith(prefix) ? page.json.next : null;
	showPeople(Object.entries(same.json.online).concat(found));
}

// By code points, which is the order of UTF-8 bytes.
function compare(a, b) {
	const x = Array.from(a), y = Array.from(b), at = x.findIndex((c, i) => c !== y[i]);
	return at < 0 ? x.length - y.length : at >= y.length ? 1 : x[at].codePointAt(0) - y[at].codePointAt(0);
}

function showPeople(people) {
	const body = $("online"), rows = Array.from(body.children);
	const focused = document.activeElement && document.activeElement.closest("#online tr");

	if (rows.length === people.length && people.every(([uid], i) => rows[i].uid === uid)) {
		people.forEach(([, streams], i) => showStreams(rows[i], streams));
	} else {
		body.textContent = "";
		for (const [uid, streams] of people) {
			const row = make(body, "tr");
			row.uid = uid;
			const name = make(row, "td");
			make(name, "bdi", uid);
			make(name, "small", "not online", "note");
			make(row, "td", "", "number");
			showStreams(row, streams);
			const button = make(make(row, "td"), "button", "Kick", "quiet");
			button.type = "button";
			button.setAttribute("aria-label", "Kick " + uid);
			button.onclick = () => askToKick(uid);
			if (focused && focused.uid === uid) button.focus();
		}
	}
	$("nobody").hidden = people.length > 0;
	show($("nobody"), prefix ? "Nobody whose uid begins so." : after ? "Nobody after these." : "Nobody is online.");
	$("first").disabled = after === prefix;
	$("next").disabled = next === null;
}

// Who is asked for by name is listed when he is away, too: his tokens can be refused.
function showStreams(row, streams) {
	row.querySelector("small").hidden = streams > 0;
	show(row.children[1], whole(streams));
}

function forgetPeople() {
	looked++;
	after = prefix = $("query").value = "";
	next = null;
	$("online").textContent = "";
	tell("");
}

function tell(text, bad) {
	$("result").className = bad ? "bad" : "";
	show($("result"), text);
}

function askToKick(uid) {
	const dialog = $("kick");
	dialog.uid = uid;
	show($("kick-uid"), uid);
	$("reason").value = "";
	dialog.showModal();
}

async function kick(e) {
	const uid = $("kick").uid, reason = $("reason").value;
	e.preventDefault();
	$("kick").close();
	const {status, json} = await call("POST", "disconnect", {uid, reason});
	const why = status ? status + " " + (json.reason || json.error) : "no answer from the server";
	if (status === 401) return;
	if (status === 200) tell(uid + " was disconnected: " + count(json.streams, "stream") + " closed.");
	else tell(uid + " was not disconnected: " + why + ".", true);
	setTimeout(look, KICKED_AFTER);
}

// ---- The beginning

charts.forEach((chart, index) => {
	chart.index = index;
	build(chart);
});
$("login").onsubmit = (e) => {
	e.preventDefault();
	key = $("key").value.trim();
	show($("wrong"), "");
	failures = 0;
	if (key) begin();
};
$("logout").onclick = () => lock(null);
$("search").onsubmit = (e) => {
	e.preventDefault();
	prefix = after = $("query").value;
	tell("");
	look();
};
$("query").oninput = () => { if (!$("query").value) $("search").requestSubmit(); };
$("first").onclick = () => { after = prefix; look(); };
$("next").onclick = () => { if (next !== null) { after = next; look(); } };
$("kick-form").onsubmit = kick;
$("kick-no").onclick = () => $("kick").close();
new ResizeObserver(drawAll).observe($("charts"));
addEventListener("visibilitychange", () => {
	drawAll();
	if (!document.hidden && timer && !openedAt && !attempt && $("login").hidden) begin();
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (e) => { if (e.persisted) begin(); });
key = storage((s) => s.getItem(STORED_KEY)) || "";
begin();
}());
