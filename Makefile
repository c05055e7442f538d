# make          builds ./pushsse, static
# make run      serves the demo
# make check    the C tests, in seconds; installs nothing
# make test     installs what the tests need, then runs all of them
# make fuzz     feeds its parsers and a whole server hostile bytes, each for SECONDS (60)
# make crashtest  kills it ROUNDS times with kill -9 (1000), under load; SEED=n to repeat one
# make faults   lets every call that the server makes fail, be interrupted and fall short, each in turn (minutes)
# make soak     MINUTES (10) of everything that comes and goes: memory, descriptors and latency have to stay flat
# make bench    measures it beside its peers (CASE=name for one case)
# make abuse    measures streams while it is abused (KIND=word for some kinds)
# make install  to PREFIX, below DESTDIR
# make dist     build/pushsse-VERSION.tar.gz; make deb: a Debian package

CC = cc
WARNINGS = -Wall -Wextra -pedantic -Wshadow -Wstrict-prototypes
CFLAGS = -O2 -g -std=c11 -D_POSIX_C_SOURCE=200809L $(WARNINGS)
LDFLAGS = -static
LDLIBS = -lpthread
PREFIX = /usr/local
DESTDIR =
BUILD = build
VERSION = $(shell sed -n 's/.*PUSHSSE_VERSION "\(.*\)"/\1/p' version.h)
PROGRAM = pushsse

# The architecture, from the bottom up: each knows only what stands before it.
PURE = wipe buffer clock timing file hash crc32c utf8 logline sha256 json keyring token body http fields sse network
STORE = segment directory journal_replay journal_files journal_write journal journal_check
HUB = message log audience reader inbox idempotency hub_record hub hub_publish hub_replay hub_store hub_subscribe hub_presence
CLIENTS = logger peers
START = options address options_check random user secrecy supervisor keys demo health listeners
SERVER = refusal counters answer cors control stream longpoll subscriber publisher api footprint stats metrics pages route \
	exchange conn conn_set acceptor sweep onlookers worker

LIBRARY = $(PURE:%=$(BUILD)/%.o) $(STORE:%=$(BUILD)/%.o) $(HUB:%=$(BUILD)/%.o) $(CLIENTS:%=$(BUILD)/%.o) $(START:%=$(BUILD)/%.o)
OBJECTS = $(LIBRARY) $(SERVER:%=$(BUILD)/%.o) $(BUILD)/pushsse.o $(BUILD)/assets.o
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))

all: $(PROGRAM)

$(PROGRAM): $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

# Unless CFLAGS are given: what makes an error harder to use, as far as the compiler knows it.
ifeq ($(origin CFLAGS),file)
-include $(BUILD)/hardening.mk
endif

$(BUILD)/hardening.mk: hardening.sh
	@mkdir -p $(BUILD)
	sh hardening.sh '$(CC)' '$(CFLAGS)' > $@.part
	mv $@.part $@

$(BUILD)/%.o: %.c
	@mkdir -p $(BUILD)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

run: all
	./pushsse --demo

# It has the whole server.
$(BUILD)/test_worker: tests/unit/test_worker.c $(filter-out $(BUILD)/pushsse.o,$(OBJECTS))
	$(CC) $(CFLAGS) -I. -MMD -MP -o $@ $< $(filter-out $(BUILD)/pushsse.o,$(OBJECTS)) -lcmocka $(LDLIBS)

$(BUILD)/test_%: tests/unit/test_%.c $(LIBRARY)
	$(CC) $(CFLAGS) -I. -MMD -MP -o $@ $< $(LIBRARY) -lcmocka $(LDLIBS)

check: $(UNIT)
	@sh tests/unit/run $(UNIT)

test: all
	sh tests/setup.sh
	sh tests/run

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 pushsse $(DESTDIR)$(PREFIX)/bin/pushsse
	sed 's/^\.Os$$/.Os pushsse $(VERSION)/' pushsse.1 > $(DESTDIR)$(PREFIX)/share/man/man1/pushsse.1
	chmod 644 $(DESTDIR)$(PREFIX)/share/man/man1/pushsse.1
	install -m 644 deploy/pushsse.service deploy/pushsse.socket $(DESTDIR)$(PREFIX)/lib/systemd/system

clean:
	rm -rf build pushsse

.PHONY: all run check test install clean

# The pages, as C; and what only tests, measurements and packers need.
include www/assets.mk tests/fuzz/fuzz.mk tests/system/trials.mk tests/bench/bench.mk deploy/pack.mk
-include $(wildcard $(BUILD)/*.d)
