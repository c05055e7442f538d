/* pushsse.d.ts: the types of pushsse.js and pushsse.mjs; doc/client.md says what they mean. */

export type TokenReason = "start" | "expired" | "invalid";
export type State = "connecting" | "open" | "waiting" | "paused" | "closed";
export type Transport = "sse" | "poll" | "shared";

export interface PushOptions {
	/** A token, or a function that gets one. Without it the cookie `pushsse` has to hold it. */
	token?: string | ((reason: TokenReason) => string | PromiseLike<string>);
	/** Where to begin: the `cursor` of an earlier PushSSE, or of the back end when it made the page. Default: now. */
	lastEventId?: string;
	/** Some of the token's channels. Default: all of them. */
	channels?: string | string[];
	transports?: ("sse" | "poll")[];
	withCredentials?: boolean;
	/** Milliseconds of the shortest and the longest wait before it connects again. */
	minDelay?: number;
	maxDelay?: number;
	/** Milliseconds for a stream to say hello. */
	helloTimeout?: number;
	/** Milliseconds that the page is hidden before the connection is closed; false: never. */
	pauseHidden?: number | false;
	/** One connection for all tabs of a user; a string names the user where there is no token to tell. */
	share?: boolean | string;
}

interface PushEvent extends Event {
	readonly target: PushSSE & EventTarget;
}

export interface PushMessageEvent extends PushEvent {
	readonly data: string;
	readonly lastEventId: string;
	readonly origin: string;
}

export interface PushErrorEvent extends PushEvent {
	/** Of the answer that tells why; 0 where there was none. */
	readonly status: number;
	readonly reason: string;
	/** What the back end has said with it, when the reason is "bye". */
	readonly message?: string;
	readonly willRetry: boolean;
	/** Milliseconds until then. */
	readonly delay?: number;
}

export interface PushStateEvent extends PushEvent {
	readonly state: State;
	readonly transport: Transport | null;
}

export interface PushResetEvent extends PushEvent {
	readonly reason: "restart" | "gap";
}

export interface PushEventMap {
	open: PushEvent;
	error: PushErrorEvent;
	state: PushStateEvent;
	reset: PushResetEvent;
}

type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void };

export class PushSSE {
	static readonly CONNECTING: 0;
	static readonly OPEN: 1;
	static readonly CLOSED: 2;
	readonly CONNECTING: 0;
	readonly OPEN: 1;
	readonly CLOSED: 2;

	constructor(url: string, options?: PushOptions);

	/** Absolute, and never with a token. */
	readonly url: string;
	readonly withCredentials: boolean;
	readonly readyState: 0 | 1 | 2;
	readonly state: State;
	readonly transport: Transport | null;
	/** The id up to which everything has been dispatched; "" before the first. */
	readonly cursor: string;

	onopen: ((event: PushEvent) => void) | null;
	onmessage: ((event: PushMessageEvent) => void) | null;
	onerror: ((event: PushErrorEvent) => void) | null;
	onstate: ((event: PushStateEvent) => void) | null;
	onreset: ((event: PushResetEvent) => void) | null;

	addEventListener<K extends keyof PushEventMap>(
		type: K, listener: Listener<PushEventMap[K]>, options?: boolean | AddEventListenerOptions): void;
	addEventListener(
		type: string, listener: Listener<PushMessageEvent>, options?: boolean | AddEventListenerOptions): void;
	removeEventListener<K extends keyof PushEventMap>(
		type: K, listener: Listener<PushEventMap[K]>, options?: boolean | EventListenerOptions): void;
	removeEventListener(
		type: string, listener: Listener<PushMessageEvent>, options?: boolean | EventListenerOptions): void;

	/** Ends it for good. */
	close(): void;
	/** Drops what there is and connects at once. */
	reconnect(): void;
}

export default PushSSE;
