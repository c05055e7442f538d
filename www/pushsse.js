/*! pushsse, MIT licence */
/*
 * pushsse.js: the client for a page. doc/client.md is its manual.
 *
 * From the bottom up, each knowing only what stands before it:
 *
 *   openStream, request   one EventSource, one XMLHttpRequest
 *   Link                  one connection at a time, and when the next one is made
 *   Share                 which of several tabs has the link
 *   PushSSE               a tab: its cursor, its listeners, and what the browser does to it
 *
 * A link knows no listeners and a tab no transports. Between them go notes, plain objects; so a tab that follows
 * another can be told the same notes through a BroadcastChannel. The cursor belongs to the tab: it outlives transports,
 * connections and leaders, and what is at or before it is never dispatched again.
 *
 * Telling a note may run the page's listeners, and these may close or reconnect. So telling is the last that a function
 * does, or it looks at `turn` afterwards.
 *
 * Old browsers read this: ECMAScript 5, no Promise unless the page brings one. What is served is this file without
 * comment lines and indentation (www/strip.awk). So no comment stands behind code, and words that are used often are
 * cheap, while a second way to say something is not.
 */
var PushSSE = (function () {
"use strict";

var
	/* ms of life after which a connection was a good one: pauses begin small again; earlier doubts are forgotten */
	STABLE = 10000, PROVEN = 60000,
	/* ms for which a network that holds streams back is taken for one */
	FALLBACK = 900000,
	/* what speaks against streams: two mute ones are enough, or three that died young */
	MUTE = 3, YOUNG = 2,
	/* ms for a token function to settle, that an unused token stays fresh, and for an answer beyond the time it is held */
	PATIENCE = 10000,
	/* refused tokens in a row that are enough; seconds that a poll asks to be held */
	REFUSALS = 5, HOLD = 25,
	/* ms between polls that come back at once with nothing new */
	HASTY = 1000,
	/* ms of the leader's silence after which it is asked; for its answer; for other tabs to tell a new one their names */
	QUIET = 20000, ANSWER = 3000, SETTLE = 50,
	/* ms; setTimeout() takes 2^31 for 0, and that would be a loop without delay */
	SHORTEST = 50, LONGEST = 2e9,
	/* events of the client itself, so no message's, and those that it alone hears */
	OWN = /^(open|error|state|reset|pushsse\.(?!online).*)$/;

function nothing() {}

/* Never the time of day, which people and NTP set. It may stand still while the machine sleeps. */
function now() {
	return (window.performance && performance.now ? performance : Date).now();
}

function attempt(step) {
	try { return step(); } catch (e) {}
}

function parse(text) {
	return attempt(function () { return JSON.parse(text); }) || {};
}

/* One timer: timer(ms, step) sets it anew, timer() clears it. */
function Timer() {
	var id;
	return function (ms, step) {
		clearTimeout(id);
		if (step) id = setTimeout(step, Math.min(ms, LONGEST));
	};
}

/* An id is "<epoch>-<seq>", and an epoch may have a "-" in it. */
function epochOf(id) {
	return id.slice(0, id.lastIndexOf("-") + 1);
}

/* Is this id at or before the cursor? Those of different epochs cannot be compared: no. */
function isPast(cursor, id) {
	var epoch = epochOf(id);
	return epoch && epoch === epochOf(cursor) && +id.slice(epoch.length) <= +cursor.slice(epoch.length);
}

/*
 * One EventSource, for one connection: its own reconnecting would come with the old token, without backoff, and not
 * at all where the engine takes an error for final. heard(id, event, data) for each event of these names,
 * over(refused) once; nothing after close().
 */
function openStream(tab, token, names, heard, over) {
	var source = new EventSource(tab.address("", token), {withCredentials: tab.withCredentials});
	source.listen = function (name) {
		source.addEventListener(name, function (e) { heard(e.lastEventId, name, e.data); });
	};
	source.onerror = function () {
		var refused = source.readyState === 2;
		source.close();
		over(refused);
	};
	names.forEach(source.listen);
	return source;
}

/*
 * The same for one XMLHttpRequest: done(status, JSON, ms of Retry-After) once, status 0 without an answer. To another
 * origin the token goes in the query, as on a stream: with the header each request would bring a preflight.
 */
function request(tab, token, wait, heard, done) {
	var xhr = new XMLHttpRequest(), inHead = token && tab.sameOrigin;
	xhr.open("GET", tab.address("&wait=" + wait, inHead ? "" : token));
	xhr.withCredentials = tab.withCredentials;
	if (inHead) xhr.setRequestHeader("Authorization", "Bearer " + token);
	xhr.onload = xhr.onerror = function () {
		var status = xhr.status;
		done(status, parse(xhr.responseText), status > 428 && 1000 * xhr.getResponseHeader("Retry-After"));
	};
	/* What is long, over a slow network, takes longer than it is waited for. */
	xhr.onprogress = heard;
	xhr.listen = nothing;
	xhr.close = function () {
		xhr.onload = xhr.onerror = null;
		xhr.abort();
	};
	xhr.send();
	return xhr;
}

/*
 * The connection. At each moment it does one thing: it waits, asks for a token, listens to a stream, or has a request
 * under way. `under` is that stream or request, `timer` its only timer, and `turn` is another number once it is over.
 */
function Link(push, tab) {
	var turn = 0, timer = Timer(), under, hurry, token, spareAt, reason = "start",
		/* since when this connection is good, 0 while it is not; when something last came, on both clocks */
		openedAt, heardAt, heardOn,
		/* in a row: connections that did not live, tokens that were refused; what speaks against streams */
		failures = 0, refusals = 0, doubts = 0,
		/* ms between the server's signs of life; until when streams are not tried */
		heartbeat = 15000, pollsUntil,
		memory = "pushsse:" + push.url,
		control = {
			"pushsse.hello": hello,
			"pushsse.ping": function (data, id) { opened("sse", id); },
			"pushsse.expired": function () { renew("token_expired", 0); },
			"pushsse.busy": function (data) { retry("busy", 0, data.retry || 5000); },
			"pushsse.bye": function (data) { tab.tell("bye", "", {status: 0, reason: "bye", message: data.reason}); }
		};

	function tellReset(reset, id) {
		if (reset) tab.tell("reset", id, {reason: reset});
	}

	/* Calls late() when nothing was heard for so many ms. Hearing is a note of the time, not a timer each. */
	function watch(limit, late) {
		heard();
		timer(limit, function look() {
			var age = now() - heardAt;
			/* A clock that was set back says nothing. */
			if (age < 0) watch(limit, late);
			else if (age < limit) timer(limit - age, look);
			else late();
		});
	}

	function heard() {
		heardAt = now();
		heardOn = Date.now();
	}

	/* Ends what is under way; nothing is heard of it afterwards. */
	function stop() {
		/* Opening does not pay for failures, living does: a server that says hello and drops makes no loop. */
		var life = openedAt ? now() - openedAt : 0;
		if (life > STABLE) failures = 0;
		if (life > PROVEN) doubts = 0;
		turn++;
		timer();
		if (under) under.close();
		under = openedAt = 0;
		hurry = false;
	}

	/* Not at once: who has made this link is yet to add its listeners. */
	function begin() {
		stop();
		timer(0, askToken);
		tab.say("connecting");
	}

	/* The page's function may answer at once, later, never, twice, or throw. */
	function askToken() {
		var mine = turn, given = tab.token;

		function settle(value) {
			if (mine !== turn) return;
			mine = timer();
			token = typeof value === "string" ? value.trim() : "";
			if (!/^[\w.~+\/=-]+$/.test(token)) return retry("token");
			reason = "start";
			spareAt = now();
			connect();
		}
		if (typeof given !== "function") {
			token = given;
			return connect();
		}
		/* One that was asked for to find the other tabs, and not used yet. */
		if (now() - spareAt < PATIENCE) return connect();
		timer(PATIENCE, settle);
		if (!attempt(function () {
			given = given(reason);
			if (given && given.then) given.then(settle, settle.bind(0, 0));
			else settle(given);
			return true;
		})) settle();
	}

	function connect() {
		if (!tab.group.admits(token)) return;
		spareAt = NaN;
		if (/sse/.test(tab.transports) && !(/poll/.test(tab.transports) && now() < pollsUntil)) listen();
		else poll(0);
	}

	/* ---- The stream ---- */

	function listen() {
		watch(tab.helloTimeout, function () { probe("mute", MUTE); });
		under = attempt(function () {
			return openStream(tab, token, Object.keys(control).concat(tab.names()), receive, ended);
		});
		if (!under) probe("refused", 0);
	}

	function receive(id, event, data) {
		var isMessage = event.indexOf("pushsse.");
		heard();
		if (isMessage || !control[event]) tab.tell("event", isMessage && id, {type: event, data: data});
		else control[event](parse(data), id);
	}

	function hello(data, id) {
		var mine = turn;
		heartbeat = +data.heartbeat || heartbeat;
		watch(heartbeat * 2.5, function () { probe("silent", now() - openedAt < PROVEN && YOUNG); });
		tellReset(data.reset, id);
		if (mine === turn) opened("sse", id);
	}

	function ended(refused) {
		if (refused) return probe("refused", MUTE);
		if (openedAt && now() - openedAt < STABLE) doubt(YOUNG);
		retry("lost");
	}

	/* A server's word that all is well, with its position. */
	function opened(transport, id) {
		openedAt = openedAt || now();
		refusals = 0;
		tab.say("open", transport, id);
	}

	/*
	 * Why did the stream end? An EventSource does not say, so a poll that is not held is asked. It tells a refused
	 * token from a lost network, and brings what the stream held back. Not at once: a server that has just come back
	 * is not to be asked by all pages together.
	 */
	function probe(why, weight) {
		stop();
		timer(Math.random() * tab.minDelay, ask.bind(0, 0, why, function (id) {
			doubt(weight);
			retry(why, 200, 0, 0, id);
		}));
		tab.say("connecting");
	}

	/* ---- The poll ---- */

	/* done(position, how many events) if it is good, and no listener ends it; all else is dealt with here. */
	function ask(wait, why, done) {
		function answered(status, answer, after) {
			var mine = turn;
			under = 0;
			if (status === 401) return renew(answer.error, status);
			if (status === 403) return tab.halt({status: status, reason: answer.error});
			if (status !== 200 || !Array.isArray(answer.events) || !answer.lastEventId) return retry(why, status, after);
			tellReset(answer.reset, "");
			answer.events.forEach(function (e) {
				if (e && mine === turn) tab.tell("event", e.id, {type: e.event, data: e.data});
			});
			if (mine === turn) done(String(answer.lastEventId), answer.events.length);
		}
		function fail() {
			if (under) under.close();
			answered(0, {});
		}
		watch(wait * 1000 + PATIENCE, fail);
		under = attempt(function () {
			return request(tab, token, wait, heard, answered);
		});
		if (!under) timer(0, fail);
	}

	/* The first one is not held, so that the state is known at once. */
	function poll(wait) {
		var asked = now(), from = push.cursor;
		ask(wait, "lost", function (id, events) {
			var idle = !events || id === from || isPast(from, id);
			timer(wait && idle && now() - asked < HASTY ? HASTY : 0, function () {
				if (!pollsUntil || now() < pollsUntil) return poll(HOLD);
				pollsUntil = 0;
				begin();
			});
			opened("poll", id);
		});
	}

	/* ---- When it goes wrong ---- */

	/* When the time of polls is over, a single mute stream is enough for another. */
	function doubt(weight) {
		doubts += weight;
		if (doubts < 2 * MUTE) return;
		doubts = MUTE;
		usePolls(FALLBACK);
	}

	function usePolls(ms) {
		pollsUntil = now() + ms;
		attempt(function () { sessionStorage[memory] = Date.now() + ms; });
	}

	/* Full jitter over a range that doubles: pages that were cut at once must not come back at once. */
	function retry(why, status, least, atOnce, id) {
		stop();
		var most = Math.min(tab.maxDelay, tab.minDelay * Math.pow(2, ++failures)),
			delay = tab.minDelay + Math.random() * Math.max(0, most - tab.minDelay);
		delay = atOnce && failures < 2 ? 0 : Math.max(+least || 0, delay || SHORTEST);
		timer(delay, begin);
		/* The network is back, or the user: no reason to wait on, unless the server has asked for it. */
		hurry = !least;
		tab.say("waiting", null, id);
		tab.tell("error", "", {status: status || 0, reason: why, willRetry: true, delay: delay});
	}

	/* A string stays what it is; a cookie may have been renewed since the stream was opened. */
	function renew(word, status) {
		var hopeless = typeof tab.token !== "function" && (status || tab.token);
		if (hopeless || ++refusals > REFUSALS) return tab.halt({status: 401, reason: word});
		reason = word === "token_expired" ? "expired" : "invalid";
		retry(word, status, 0, true);
	}

	/* What an earlier page of this tab found out. The clock may have been set since: more than FALLBACK is not true. */
	attempt(function () {
		var left = sessionStorage[memory] - Date.now();
		if (left > 0 && left <= FALLBACK) pollsUntil = now() + left;
	});

	return {
		begin: begin,
		stop: stop,
		hear: function (name) { if (under) under.listen(name); },
		/* Perhaps another network: streams get another chance. */
		forget: function () {
			doubts = 0;
			if (!pollsUntil) return;
			usePolls(0);
			if (under) begin();
		},
		/* The page is looked at again, or the network is back: is what we have still alive? */
		wake: function () {
			if (hurry) timer(Math.random() * tab.minDelay, begin);
			/* The clock of the day goes on while the machine sleeps. Where it was set, this costs a reconnection. */
			if (under && Math.max(now() - heardAt, Date.now() - heardOn) > heartbeat / 1.5) begin();
		}
	};
}

/*
 * Which of the tabs of one user has the link. The holder of a Web Lock leads: the browser itself passes it on when that
 * tab closes or crashes. What the leader's link tells goes to the others through a BroadcastChannel. A tab that is
 * asleep neither leads nor waits to. Who has missed something leads: it takes the lock and connects with its own
 * cursor, and what the server then repeats is new to those who need it, and dropped by the others.
 *
 * The uid is in the name of lock and channel, so nothing reaches a tab of another user.
 */
function Share(push, tab) {
	var name = "", channel, queued, release = nothing, leading, ticket, timer = Timer(), tookAt;

	function nameOf(token) {
		var claims = parse(attempt(function () { return atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")); })),
			uid = tab.share === true ? claims.sub : tab.share;
		return uid ? "pushsse 1 " + JSON.stringify([push.url, uid, claims.channels, tab.channels]) : "";
	}

	/* Says what this tab listens to, which any leader has to know, and finds out whether there is one. */
	function ask() {
		channel.postMessage({kind: "want", names: tab.names()});
		if (!tab.asleep) timer(ANSWER, takeOver);
	}

	function takeOver() {
		if (leading || tab.asleep || now() - tookAt < ANSWER) return;
		tookAt = now();
		queue(true);
	}

	/* Waits in the line for the lock, or takes it from who has it. */
	function queue(steal) {
		rest();
		var mine = ticket = {};
		queued = new AbortController();
		navigator.locks.request(name, steal ? {steal: true} : {signal: queued.signal}, function () {
			if (mine !== ticket) return;
			leading = true;
			channel.postMessage({kind: "who"});
			timer(SETTLE, tab.link.begin);
			return new Promise(function (resolve) { release = resolve; });
		}).catch(function (error) {
			if (mine !== ticket) return;
			rest();
			/* Taken by another tab; or a page in a sandbox, which may have none, and is alone. */
			if (error.name === "AbortError") {
				tab.link.stop();
				queue();
				ask();
			} else {
				tab.share = false;
				tab.link.begin();
			}
		});
	}

	/* Gives the lead away, and listens to who has it. */
	function rest() {
		ticket = leading = timer();
		if (queued) queued.abort();
		release();
		queued = null;
	}

	function leave() {
		rest();
		if (channel) channel.close();
		channel = null;
		name = "";
	}

	function hear(e) {
		var note = e.data;
		if (!channel) return;
		if (note.kind === "want") {
			note.names.forEach(tab.learn);
			if (leading) tab.say(push.state, push.transport);
		} else if (note.kind === "who") ask();
		else if (!leading) {
			if (!tab.asleep) timer(QUIET, ask);
			tab.follow(note);
		}
	}

	return {
		rest: rest,
		leave: leave,
		ask: ask,
		takeOver: takeOver,
		post: function (note) { if (leading) channel.postMessage(note); },
		follows: function () { return name && !leading; },
		/* May the link be opened here, with this token? When not now, it is begun again when it may. */
		admits: function (token) {
			var next = nameOf(token);
			if (next !== name) leave();
			if (next && !leading) attempt(function () {
				var joins = !name;
				channel = channel || new BroadcastChannel(next);
				channel.onmessage = hear;
				name = next;
				queue(joins && push.cursor);
				ask();
			});
			return leading || !name;
		}
	};
}

function PushSSE(url, given) {
	var push = this, timer = Timer(), names = Object.create(null),
		events = document.createDocumentFragment(), anchor = document.createElement("a"), base, origin,
		hooks = [
			[document, "visibilitychange", look], [document, "freeze", leave], [document, "resume", look],
			[window, "pagehide", leave], [window, "pageshow", look], [window, "online", online]
		],
		/* what the link and the group see of this: the options, and the methods below */
		tab = {
			lastEventId: "", channels: [], transports: ["sse", "poll"], withCredentials: false,
			minDelay: 500, maxDelay: 30000, helloTimeout: 6000, pauseHidden: 60000
		};

	for (var option in given) if (given[option] != null) tab[option] = given[option];
	anchor.href = url;
	base = anchor.href.split("#")[0];
	push.url = base.replace(/([?&]token=)[^&]*/, "$1");
	base += (/\?/.test(base) ? "&" : "?") + "cid=" + Math.random();
	[].concat(tab.channels).forEach(function (channel) { base += "&channel=" + encodeURIComponent(channel); });
	if (!window.EventSource) tab.transports = ["poll"];
	/* What has locks has AbortController. */
	if (!navigator.locks || !window.BroadcastChannel) tab.share = false;
	origin = base.split("/", 3).join("/");
	tab.sameOrigin = origin === location.origin;
	push.withCredentials = tab.withCredentials;
	push.cursor = "" + tab.lastEventId;
	if (!(tab.minDelay > SHORTEST)) tab.minDelay = SHORTEST;

	/* ---- What the link has to say, here or in the tab that leads ---- */

	/* An id that comes with anything else is the server's position. */
	tab.tell = function (kind, id, fields) {
		var note = {kind: kind, id: String(id || ""), from: push.cursor, fields: fields};
		tab.group.post(note);
		apply(note);
	};

	tab.say = function (state, transport, id) {
		tab.tell("state", id || push.cursor, {state: state, transport: transport || null});
	};

	/* `from` is the leader's cursor before this note; where ours is not as far, what lies between has passed us by. */
	tab.follow = function (note) {
		var cursor = push.cursor, isReset = note.kind === "reset";
		if (cursor && isReset && epochOf(cursor) !== epochOf(note.from)) return;
		if (cursor && !isReset && note.id && !isPast(cursor, note.from || note.id)) return tab.group.takeOver();
		if (note.fields.transport) note.fields.transport = "shared";
		apply(note);
	};

	function apply(note) {
		var id = note.id, kind = note.kind, fields = note.fields, fresh = id && !isPast(push.cursor, id);
		if (push.readyState > 1 || kind === "event" && id && !fresh) return;
		/* In another history the old cursor makes new messages look old, even where the epoch is the same. */
		if (fresh || fields.reason === "restart") push.cursor = id;
		if (kind === "state") become(fields);
		else if (kind === "bye") tab.halt(fields);
		else if (kind !== "event") dispatch(kind, fields);
		else {
			tab.learn(fields.type);
			if (!OWN.test(fields.type)) dispatch(fields.type, {data: fields.data, lastEventId: push.cursor, origin: origin});
		}
	}

	function become(fields) {
		var state = fields.state, was = push.state;
		if (state === was && fields.transport === push.transport) return;
		push.state = state;
		push.readyState = {open: 1, closed: 2}[state] || 0;
		push.transport = fields.transport;
		dispatch("state", fields);
		if (state === "open" && state !== was) dispatch(state);
	}

	function dispatch(type, fields) {
		var event = document.createEvent("Event");
		event.initEvent(type, false, false);
		for (var field in fields) event[field] = fields[field];
		Object.defineProperty(event, "target", {value: push});
		events.dispatchEvent(event);
	}

	/* The end: what went wrong is told, and connecting again would not mend it. */
	tab.halt = function (error) {
		push.close();
		error.willRetry = false;
		dispatch("error", error);
	};

	/* An EventSource hears the names that it is told, so whoever leads has to know all tabs' names. True if it is new. */
	tab.learn = function (name) {
		if (names[name] || OWN.test(name)) return;
		tab.link.hear(name);
		return names[name] = true;
	};

	tab.names = function () {
		return Object.keys(names);
	};

	/* Of a poll, when there is a `wait`, else of the stream. */
	tab.address = function (wait, token) {
		return (wait ? base.replace(/[^\/?]*\?/, "poll?") : base) + wait + "&lastEventId=" + encodeURIComponent(push.cursor) +
			(token ? "&token=" + encodeURIComponent(token) : "");
	};

	/* ---- What the browser does to the page ---- */

	function sleep() {
		if (tab.asleep) return;
		tab.asleep = true;
		tab.link.stop();
		if (!tab.group.follows()) tab.say("paused");
		tab.group.rest();
	}

	/* Frozen, or kept for a way back, a page may hold nothing that others wait for. */
	function leave() {
		sleep();
		tab.group.leave();
	}

	function wake() {
		if (tab.asleep) {
			tab.asleep = false;
			tab.link.begin();
		} else if (tab.group.follows()) tab.group.ask();
		else tab.link.wake();
	}

	function look() {
		var hidden = tab.pauseHidden !== false && document.visibilityState === "hidden";
		timer(tab.pauseHidden, hidden && sleep);
		if (!hidden) wake();
	}

	function online() {
		tab.link.forget();
		if (!tab.asleep) wake();
	}

	push.addEventListener = function (type, listener, settings) {
		events.addEventListener(type, listener, settings);
		if (tab.learn(type) && tab.group.follows()) tab.group.ask();
	};
	push.removeEventListener = events.removeEventListener.bind(events);
	push.close = function () {
		timer();
		tab.link.stop();
		tab.group.leave();
		hooks.forEach(function (hook) { hook[0].removeEventListener(hook[1], hook[2]); });
		become({state: "closed", transport: null});
	};
	push.reconnect = function () {
		if (push.readyState > 1 || tab.asleep) return;
		if (tab.group.follows()) tab.group.takeOver();
		else tab.link.begin();
	};
	["open", "message", "error", "state", "reset"].forEach(function (type) {
		push["on" + type] = null;
		events.addEventListener(type, function (event) {
			if (typeof push["on" + type] === "function") push["on" + type](event);
		});
	});

	tab.group = Share(push, tab);
	tab.link = Link(push, tab);
	tab.learn("message");
	hooks.forEach(function (hook) { hook[0].addEventListener(hook[1], hook[2]); });
	tab.link.begin();
	look();
}

["CONNECTING", "OPEN", "CLOSED"].forEach(function (name, value) {
	PushSSE[name] = PushSSE.prototype[name] = value;
});
return PushSSE;
}());
