/*
 * demo.js: the page that `pushsse --demo` prints a link to: one reader, to look at.
 *
 * An EventSource or a long-poll, never both. The cursor, the id of the last message applied, belongs to neither, and so
 * moves from one to the other. Nothing is filtered: what arrived twice would be seen twice.
 */
(function () {
"use strict";

var SHOWN_MAX = 200;      /* entries in the list; older ones go */
var TEXT_MAX = 2000;      /* characters shown of one message */
var POLL_WAIT = 25;       /* seconds that a long-poll asks to be held */
var HELLO_WITHIN = 10000; /* ms for a new stream to say something */
var BACKOFF_MAX = 30000;  /* ms between attempts */
var STABLE_AFTER = 10000; /* ms after which a connection was a good one, and pauses are short again */

var token = (/[#&]token=([^&]*)/.exec(location.hash) || ["", ""])[1];
var uid = uidOf(token);
var cid = Math.random().toString(36).slice(2); /* of this page */
var cursor = "";
var transport = "stream";
var names = ["message", "new_msg"]; /* an EventSource is told each event name that it shall hear */

var end = nothing;     /* ends what is under way: nothing is heard of it afterwards */
var listen = nothing;  /* tells the open EventSource another event name */
var watchdog = 0;      /* timer: a stream that is silent for so long is dead */
var heartbeat = 15000; /* ms, as hello says it */
var openedAt = 0;      /* when this connection first answered, 0 while it has not */
var failures = 0;      /* since the last good connection */
var why = "";          /* what the server said before it closed */
var arrived = 0;

function nothing() {}

function $(id) { return document.getElementById(id); }

function parse(text) {
	try { return JSON.parse(text); } catch (e) { return null; }
}

function add(parent, tag, text, className) {
	var element = parent.appendChild(document.createElement(tag));
	element.textContent = text;
	if (className) element.className = className;
	return element;
}

/* Only to show it: the server alone checks a token. */
function uidOf(jwt) {
	try {
		var bytes = atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
		return JSON.parse(decodeURIComponent(escape(bytes))).sub || "";
	} catch (e) { return ""; }
}

/* ---- What is shown ---- */

function show(id, text) {
	if ($(id).textContent !== text) $(id).textContent = text; /* a live region speaks at every write */
}

function setState(state, detail) {
	show("state", state);
	show("detail", detail);
	$("pill").setAttribute("data-state", state);
}

function clock() { return new Date().toTimeString().slice(0, 8); }

function prepend(className) {
	var list = $("messages");
	var item = list.insertBefore(document.createElement("li"), list.firstChild);
	item.className = className;
	if (list.children.length > SHOWN_MAX) list.removeChild(list.lastChild);
	$("empty").hidden = true;
	return item;
}

function showMessage(id, event, data) {
	var item = prepend("");
	var meta = add(item, "div", "", "meta");
	item.setAttribute("data-id", id);
	add(meta, "b", event);
	add(meta, "span", clock());
	add(meta, "span", id);
	add(item, "p", data.slice(0, TEXT_MAX), "data");
	if (!data) add(item, "p", "(empty)", "cut");
	if (data.length > TEXT_MAX) add(item, "p", "… of " + data.length + " characters", "cut");
	arrived++;
	show("count", arrived > SHOWN_MAX ? arrived + ", the last " + SHOWN_MAX + " shown" : String(arrived));
}

function showReset(reset) {
	var restart = (reset && reset.reason || reset) === "restart";
	add(prepend("notice"), "p", clock() + "  Messages may be missing: " +
		(restart ? "the server began a new history." : "the cursor is older than what is retained."));
}

/* ---- What arrives, by either transport ---- */

var control = {
	"pushsse.hello": function (data) {
		openedAt = Date.now();
		heartbeat = data && data.heartbeat || heartbeat;
		why = "";
		setState("open", "Messages arrive as they are published.");
	},
	"pushsse.ping": nothing,
	"pushsse.reset": showReset,
	"pushsse.online": function (data) {
		if (data) show("online", count(data.users, "user") + ", " + count(data.streams, "stream"));
	},
	"pushsse.busy": function () { why = "The server is busy or going away."; },
	"pushsse.expired": function () { refuse({error: "token_expired"}); },
	"pushsse.bye": function (data) {
		refuse({error: "The server ended this user’s streams" + (data && data.reason ? ": " + data.reason : ".")});
	}
};

function count(n, word) { return n + " " + word + (n === 1 ? "" : "s"); }

function receive(id, event, data) {
	if (id) {
		cursor = id;
		show("cursor", id);
	}
	show("heard", clock());
	if (control.hasOwnProperty(event)) control[event](parse(data));
	else showMessage(id, event, data);
}

/* ---- Connecting ---- */

function address(path, more) {
	return path + "?token=" + encodeURIComponent(token) + "&cid=" + cid + more +
		(cursor ? "&lastEventId=" + encodeURIComponent(cursor) : "");
}

/* Calls done(status, JSON or null, request), status 0 without an answer; never after an abort. */
function request(method, url, body, done) {
	var xhr = new XMLHttpRequest();
	xhr.open(method, url);
	xhr.timeout = (POLL_WAIT + 10) * 1000;
	if (body !== null) {
		xhr.setRequestHeader("Authorization", "Bearer " + token);
		xhr.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
	}
	xhr.onload = xhr.onerror = xhr.ontimeout = function () { done(xhr.status, parse(xhr.responseText), xhr); };
	xhr.send(body);
	return xhr;
}

function begin() {
	end();
	openedAt = 0;
	setState("connecting", "");
	if (transport === "poll") poll(0);
	else openStream();
}

function openStream() {
	var source = new EventSource(address("events", "&online=1"));
	listen = function (name) {
		source.addEventListener(name, function (e) {
			watch(heartbeat * 2.5);
			receive(e.lastEventId, name, e.data);
		});
	};
	end = function () {
		clearTimeout(watchdog);
		source.close();
		end = listen = nothing;
	};
	names.concat(Object.keys(control)).forEach(listen);
	source.onerror = function () {
		/* CLOSED: the answer was not a stream, and an EventSource does not tell which it was. */
		if (source.readyState === EventSource.CLOSED) return probe();
		watch(heartbeat * 2.5);
		setState("waiting", (why || "The connection was lost.") + " The browser tries again by itself.");
	};
	watch(HELLO_WITHIN);
}

function watch(ms) {
	clearTimeout(watchdog);
	watchdog = setTimeout(function () { retry("Nothing was heard for " + Math.round(ms / 1000) + " s."); }, ms);
}

function ask(wait, done) {
	var xhr = request("GET", address("poll", "&wait=" + wait), null, done);
	end = function () { xhr.abort(); end = nothing; };
}

/* Asks /poll why the stream was refused; it moves no cursor. */
function probe() {
	end();
	ask(0, function (status, answer, xhr) {
		if (status === 200) retry("The stream was refused, though the token is good: try long-poll.");
		else failed(status, answer, xhr);
	});
}

/* wait=0 to begin with, so that the state is known at once. */
function poll(wait) {
	var asked = Date.now();
	ask(wait, function (status, answer, xhr) {
		if (status !== 200 || !answer) return failed(status, answer, xhr);
		openedAt = openedAt || asked;
		setState("polling", "Each request is held for up to " + POLL_WAIT + " s, and asked again.");
		if (answer.reset) showReset(answer.reset);
		answer.events.forEach(function (e) { receive(e.id, e.event, e.data); });
		receive(answer.lastEventId, "pushsse.ping", "1");
		if (end === nothing) return; /* a message among these ended it */
		/* Empty, and not held as asked: no reason to ask as fast as the network goes. */
		var hasty = wait && !answer.events.length && Date.now() - asked < 1000;
		later(hasty ? 1000 : 0, function () { poll(POLL_WAIT); });
	});
}

function later(ms, step) {
	var timer = setTimeout(step, ms);
	end = function () { clearTimeout(timer); end = nothing; };
}

function failed(status, answer, xhr) {
	if (status === 401 || status === 403) return refuse(answer);
	retry(status ? "The server answered " + status + "." : "No answer from the server.",
		Number(xhr.getResponseHeader("Retry-After")) * 1000);
}

/* Doubling pauses with full jitter: pages that were cut at once must not come back at once. */
function retry(reason, least) {
	end();
	if (openedAt && Date.now() - openedAt > STABLE_AFTER) failures = 0;
	var pause = Math.min(BACKOFF_MAX, 1000 * Math.pow(2, failures++));
	pause = Math.max(least || 0, 300 + Math.random() * pause);
	setState("waiting", reason + " Next attempt in " + (pause / 1000).toFixed(1) + " s.");
	later(pause, begin);
}

function explain(answer) {
	var error = answer && answer.error || "no reason given";
	return {
		token_missing: "There is no token.",
		token_invalid: "The token is not this server’s. Open the address that pushsse --demo printed last.",
		token_expired: "The token has expired. Start pushsse --demo again."
	}[error] || String(error);
}

function refuse(answer) {
	end();
	setState("refused", explain(answer));
}

/* ---- The form and the switch ---- */

function hear(name) {
	if (!name || names.indexOf(name) >= 0 || /^(open|error|pushsse\..*)$/.test(name)) return;
	names.push(name);
	listen(name);
	show("names", names.join(", "));
}

function publish(e) {
	var content = $("content"), text = content.value, event = $("event").value.trim();
	e.preventDefault();
	hear(event);
	request("POST", "demo/publish", "to=" + $("to").value + "&content=" + encodeURIComponent(text) +
		(event ? "&event=" + encodeURIComponent(event) : ""), function (status, answer) {
		var ok = status === 200 && answer;
		$("result").className = ok ? "" : "bad";
		if (!ok) {
			content.value = content.value || text;
			return show("result", status ? status + ": " + explain(answer) : "No answer from the server.");
		}
		show("result", "Accepted as " + answer.id + (answer.status === "offline"
			? ", kept for when the user returns." : ", on its way to " + count(answer.streams, "stream") + "."));
	});
	content.value = "";
	content.focus();
}

function choose() {
	transport = this.value;
	if (transport === "poll") show("online", "told on a stream only");
	failures = 0;
	begin();
}

addEventListener("hashchange", function () { location.reload(); });
if (!token) {
	[].forEach.call(document.querySelectorAll("section"), function (s) { s.hidden = s.id !== "help"; });
	setState("refused", "There is no token in the address.");
	return;
}
show("uid", uid || "?");
$("curl").value = "curl -H 'Authorization: Bearer KEY' -d 'to=" + encodeURIComponent(uid || "demo").replace(/'/g, "%27") +
	"&content=hello' http://127.0.0.1:2121/publish";
$("curl").onfocus = $("curl").select;
show("names", names.join(", "));
$("form").onsubmit = publish;
$("event").onchange = function () { hear(this.value.trim()); };
$("content").onkeydown = function (e) { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) publish(e); };
$("clear").onclick = function () {
	$("messages").textContent = "";
	$("empty").hidden = false;
	arrived = 0;
	show("count", "0");
};
$("transport-stream").onchange = $("transport-poll").onchange = choose;
$("transport-stream").checked = true; /* a browser may have kept the other over a reload */
addEventListener("pagehide", function () { end(); });
addEventListener("pageshow", function (e) { if (e.persisted) begin(); });
begin();
}());
