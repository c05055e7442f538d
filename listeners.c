/* listeners.c: see listeners.h */
#include "listeners.h"

#include <stdio.h>
#include <unistd.h>

static const char *const listener_name[LISTENERS] = {[LISTENER_PUBLIC] = "public", [LISTENER_API] = "api"};
static const char *const listener_option[LISTENERS] = {[LISTENER_PUBLIC] = "listen", [LISTENER_API] = "api-listen"};

/* By its name, else by its place. */
static int which(struct slice name, int index)
{
	for (int i = 0; i < LISTENERS; i++)
		if (slice_is(name, listener_name[i]))
			return i;
	return index;
}

bool listeners_inherit(struct server *s, const struct supervisor *from, listeners_text text, char *error, size_t size)
{
	for (int i = 0; i < from->sockets; i++) {
		int listener = which(supervisor_name(from, i), i), fd = SUPERVISOR_FIRST + i;
		char fault[256];

		if (listener >= LISTENERS || s->listener[listener] >= 0) {
			(void)snprintf(error, size, "LISTEN_FDS: descriptor %d: one socket for each listener, public and api", fd);
			return false;
		}
		if (!address_adopt(fd, text[listener], fault, sizeof fault)) {
			(void)snprintf(error, size, "LISTEN_FDS: descriptor %d: %s", fd, fault);
			return false;
		}
		s->listener[listener] = fd;
		s->inherited[listener] = true;
		s->is_unix[listener] = address_is_unix(text[listener]);
	}
	if (s->options->api_open && s->inherited[LISTENER_API] && !address_is_local(text[LISTENER_API])) {
		(void)snprintf(error, size, "--api-open does not go with the API's socket on %s that was passed", text[LISTENER_API]);
		return false;
	}
	return true;
}

bool listeners_open(struct server *s, bool unix_ones, listeners_text text, char *error, size_t size)
{
	const char *address[LISTENERS] = {s->options->listen, s->options->api_listen};
	char fault[256];

	for (int i = 0; i < LISTENERS; i++) {
		if (s->listener[i] >= 0 || address_is_unix(address[i]) != unix_ones)
			continue;
		s->listener[i] = address_listen(address[i], (mode_t)s->options->socket_mode, text[i], fault, sizeof fault);
		if (s->listener[i] < 0) {
			(void)snprintf(error, size, "--%s: %s", listener_option[i], fault);
			return false;
		}
		s->is_unix[i] = unix_ones;
	}
	return true;
}

void listeners_close(struct server *s)
{
	const char *address[LISTENERS] = {s->options->listen, s->options->api_listen};

	for (int i = 0; i < LISTENERS; i++) {
		if (s->listener[i] < 0)
			continue;
		if (!s->inherited[i])
			address_remove(address[i]); /* first: once it is closed, the next server may have put its own there */
		(void)close(s->listener[i]);
		s->listener[i] = -1;
	}
}
