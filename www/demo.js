/*
 * demo.js: the page that `pushsse --demo` prints a link to: one reader, to look at.
 *
 * All that is hard about it is in pushsse.js. The switch closes one PushSSE and opens another with the other transport
 * and the same cursor. Nothing is filtered here: what arrived twice would be seen twice.
 */
(function () {
"use strict";

var SHOWN_MAX = 200; /* entries in the list; older ones go */
var TEXT_MAX = 2000; /* characters shown of one message */

var token = (/[#&]token=([^&]*)/.exec(location.hash) || ["", ""])[1];
var uid = uidOf(token);
var push = null;
var transport = "sse";
var names = ["message", "new_msg"]; /* the page hears the event names that it listens to */
var arrived = 0;

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

function showReset(e) {
	add(prepend("notice"), "p", clock() + "  Messages may be missing: " +
		(e.reason === "restart" ? "the server began a new history." : "the cursor is older than what is retained."));
}

function count(n, word) { return n + " " + word + (n === 1 ? "" : "s"); }

/* ---- The connection ---- */

function receive(e) {
	show("cursor", e.lastEventId);
	show("heard", clock());
	showMessage(e.lastEventId, e.type, e.data);
}

function showState(e) {
	var told = {
		"open sse": ["open", "Messages arrive as they are published."],
		"open poll": ["polling", "Each request is held for up to 25 s, and asked again."],
		"paused": ["paused", "Nobody looks at this page, so its connection is closed. The cursor brings it back."],
		"connecting": ["connecting", ""]
	}[e.transport ? e.state + " " + e.transport : e.state];
	if (told) setState(told[0], told[1]);
	if (push.cursor) show("cursor", push.cursor);
}

function showError(e) {
	if (transport === "sse") show("online", "–");
	if (!e.willRetry) return setState("refused", explain(e.reason) + (e.message ? ": " + e.message : ""));
	setState("waiting", explain(e.reason, e.status) + " Next attempt in " + (e.delay / 1000).toFixed(1) + " s.");
}

function explain(reason, status) {
	return {
		lost: status ? "The server answered " + status + "." : "No answer from the server.",
		mute: "The stream says nothing.",
		silent: "The stream has gone silent.",
		refused: "The stream was refused, though the token is good.",
		busy: "The server is busy or going away.",
		bye: "The server ended this user’s streams",
		token_missing: "There is no token.",
		token_invalid: "The token is not this server’s. Open the address that pushsse --demo printed last.",
		token_expired: "The token has expired, or its user was disconnected. Start pushsse --demo again."
	}[reason] || String(reason || "no reason given");
}

function connect() {
	var cursor = push ? push.cursor : "";
	if (push) push.close();
	push = new PushSSE("events?online=1", {token: token, transports: [transport], lastEventId: cursor});
	push.onstate = showState;
	push.onerror = showError;
	push.onreset = showReset;
	push.addEventListener("pushsse.online", function (e) {
		var online = parse(e.data);
		show("online", count(online.users, "user") + ", " + count(online.streams, "stream"));
	});
	names.forEach(listen);
	setState("connecting", "");
}

function listen(name) { push.addEventListener(name, receive); }

/* ---- The form and the switch ---- */

/* Calls done(status, JSON or null), status 0 without an answer. */
function post(url, body, done) {
	var xhr = new XMLHttpRequest();
	xhr.open("POST", url);
	xhr.setRequestHeader("Authorization", "Bearer " + token);
	xhr.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
	xhr.onload = xhr.onerror = function () { done(xhr.status, parse(xhr.responseText)); };
	xhr.send(body);
}

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
	post("demo/publish", "to=" + $("to").value + "&content=" + encodeURIComponent(text) +
		(event ? "&event=" + encodeURIComponent(event) : ""), function (status, answer) {
		var ok = status === 200 && answer;
		$("result").className = ok ? "" : "bad";
		if (!ok) {
			content.value = content.value || text;
			return show("result", status ? status + ": " + explain(answer && answer.error) : "No answer from the server.");
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
	connect();
}

addEventListener("hashchange", function () { location.reload(); });
if (!token) {
	[].forEach.call(document.querySelectorAll("section"), function (s) { s.hidden = s.id !== "help"; });
	setState("refused", "There is no token in the address.");
	return;
}
show("uid", uid || "?");
$("selftest").href += "#token=" + token;
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
connect();
}());
