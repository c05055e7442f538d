/*! pushsse: compat.js, MIT licence */
/*
 * compat.js: the page code of web-msg-sender, as it is, on PushSSE. What changes in the page are its script tags
 * (pushsse.js, then this one, in the place of socket.io.js) and that it logs in with a token, no longer with a uid:
 *
 *     var socket = io('http://host:2120');
 *     socket.on('connect', function () { socket.emit('login', token); });
 *     socket.on('new_msg', function (html) { ... });
 *     socket.on('update_online_count', function (html) { ... });
 *
 * socket.io's transport connects before anyone has logged in. Here it is the login that connects, so "connect" is only
 * the word to log in. It comes once: after a loss of the network PushSSE comes back by itself, with its cursor, and
 * still logged in.
 */
var io = (function () {
"use strict";

/* The same words, since pages show them: so many people online, so many pages open. */
function countAsHtml(count) {
	return "当前<b>" + +count.users + "</b>人在线，共打开<b>" + +count.streams + "</b>个页面";
}

function Socket(url) {
	var socket = this, listeners = {}, push = null;

	function fire(event, value) {
		(listeners[event] || []).forEach(function (listener) {
			try {
				listener.call(socket, value);
			} catch (e) {
				setTimeout(function () { throw e; });
			}
		});
	}

	/* A PushSSE is told each event name; those that the page listens to before it logs in, and after. */
	function pass(event) {
		if (!/^(connect|disconnect|error|reconnect|update_online_count|state|reset|open)$/.test(event))
			push.addEventListener(event, function (e) { fire(event, e.data); });
	}

	/* As there, a second login on one socket is ignored. */
	function login(token) {
		if (push) return;
		push = new PushSSE(url.replace(/\/*$/, "/events?online=1"), {
			token: typeof token === "function" ? token : String(token)
		});
		Object.keys(listeners).forEach(pass);
		push.addEventListener("pushsse.online", function (e) {
			fire("update_online_count", countAsHtml(JSON.parse(e.data)));
		});
		push.onerror = function (e) {
			if (!e.willRetry) fire("error", e.reason);
		};
		push.onstate = function (e) {
			if (socket.connected && e.state !== "open") fire("disconnect", e.state);
			socket.connected = e.state === "open";
		};
	}

	socket.connected = false;
	socket.on = function (event, listener) {
		var isNew = !listeners[event];
		listeners[event] = (listeners[event] || []).concat(listener);
		if (push && isNew) pass(event);
		return socket;
	};
	socket.emit = function (event, value) {
		if (event === "login") login(value);
		return socket;
	};
	socket.disconnect = socket.close = function () {
		if (push) push.close();
		return socket;
	};
	/* After the page has said what it wants to hear. */
	setTimeout(function () { fire("connect"); });
}

return function (url) {
	return new Socket(url || "");
};
}());
