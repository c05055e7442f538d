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
ROUNDS = 1000
SECONDS = 60
MINUTES = 10

# The architecture, from the bottom up: each knows only what stands before it.
PURE = wipe buffer clock timing file hash crc32c utf8 logline sha256 json keyring token body http fields sse network
STORE = segment directory journal_replay journal_files journal_write journal journal_check
HUB = message log audience reader inbox idempotency hub_record hub hub_publish hub_replay hub_store hub_subscribe hub_presence
START = options address random user secrecy supervisor keys demo health listeners
CLIENTS = logger peers
SERVER = refusal counters answer cors stream longpoll subscriber publisher api stats metrics footprint pages route exchange conn conn_set \
	acceptor worker
SCRIPTS = $(BUILD)/www/pushsse.js $(BUILD)/www/pushsse.mjs $(BUILD)/www/compat.js
PAGES = www/demo.html www/demo.css www/demo.js www/selftest.html www/selftest.css www/selftest.js \
	www/dashboard.html www/dashboard.css www/dashboard.js www/pushsse.d.ts $(SCRIPTS)

LIBRARY = $(PURE:%=$(BUILD)/%.o) $(STORE:%=$(BUILD)/%.o) $(HUB:%=$(BUILD)/%.o) $(CLIENTS:%=$(BUILD)/%.o) $(START:%=$(BUILD)/%.o)
OBJECTS = $(LIBRARY) $(SERVER:%=$(BUILD)/%.o) $(BUILD)/pushsse.o $(BUILD)/assets.o
# What tests/system/each.c stands before, and the server behind it.
WRAPPED = $(shell sed -n 's/^REAL.[^,]*, \([a-z_]*\),.*/\1/p; s/^int __wrap_\([a-z]*\)..*;/\1/p' tests/system/each.c)
FAULTY_CFLAGS = -O1 -g -std=c11 -D_POSIX_C_SOURCE=200809L -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SERVER = fuzz_server client model main
LOADGEN = loadgen trial storm streams publishers request wire meter histogram net
BENCH_CFLAGS = -O2 -g -std=c11 -D_GNU_SOURCE $(WARNINGS) -I. -Itests/bench

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

$(BUILD)/www/%.js: www/%.js www/strip.awk
	@mkdir -p $(BUILD)/www
	awk -f www/strip.awk $< > $@.part
	mv $@.part $@

$(BUILD)/www/%.mjs: $(BUILD)/www/%.js
	(cat $< && echo 'export { PushSSE, PushSSE as default };') > $@.part
	mv $@.part $@

$(BUILD)/assets.c: $(PAGES) www/embed.sh
	@mkdir -p $(BUILD)
	sh www/embed.sh $(PAGES) > $@.part
	mv $@.part $@

$(BUILD)/assets.o: $(BUILD)/assets.c
	$(CC) $(CFLAGS) -I. -c -o $@ $<

run: all
	./pushsse --demo

$(BUILD)/test_%: tests/unit/test_%.c $(LIBRARY)
	$(CC) $(CFLAGS) -I. -MMD -MP -o $@ $< $(LIBRARY) -lcmocka $(LDLIBS)

check: $(UNIT)
	@sh tests/unit/run $(UNIT)

test: all
	sh tests/setup.sh
	sh tests/run

$(BUILD)/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(BUILD)/fuzz
	$(CC) $(CFLAGS) -I. -MMD -MP -c -o $@ $<

$(BUILD)/fuzz_%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/main.o $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# With a clock of its own, and sockets that hold little.
$(BUILD)/fuzz_server: $(FUZZ_SERVER:%=$(BUILD)/fuzz/%.o) $(filter-out $(BUILD)/clock.o $(BUILD)/pushsse.o,$(OBJECTS))
	$(CC) $(CFLAGS) -Wl,--wrap=setsockopt -o $@ $^ $(LDLIBS)

.PRECIOUS: $(BUILD)/fuzz/%.o

fuzz-targets: $(FUZZ)

fuzz:
	sh tests/fuzz/run $(SECONDS)

crashtest: all
	sh tests/setup.sh
	PUSHSSE_BIN="$(CURDIR)/$(PROGRAM)" npm --prefix tests/system run --silent crash -- $(ROUNDS) $(SEED)

faulty: tests/system/each.c
	@mkdir -p build/faulty
	$(CC) $(FAULTY_CFLAGS) -c -o build/faulty/each.o $<
	$(MAKE) BUILD=build/faulty PROGRAM=build/faulty/pushsse CFLAGS='$(FAULTY_CFLAGS)' \
		LDFLAGS='$(WRAPPED:%=-Wl,--wrap=%)' LDLIBS='build/faulty/each.o -lpthread' all

faults: faulty
	sh tests/setup.sh
	npm --prefix tests/system run --silent faults

soak: all
	sh tests/setup.sh
	PUSHSSE_BIN="$(CURDIR)/$(PROGRAM)" npm --prefix tests/system run --silent soak -- $(MINUTES) $(SEED)

$(BUILD)/loadgen: $(LOADGEN:%=tests/bench/%.c) $(wildcard tests/bench/*.h) $(PURE:%=%.c)
	@mkdir -p $(BUILD)
	$(CC) $(BENCH_CFLAGS) -o $@ $(LOADGEN:%=tests/bench/%.c) $(PURE:%=%.c) $(LDLIBS)

$(BUILD)/bareloop $(BUILD)/sweep $(BUILD)/disk: $(BUILD)/%: tests/bench/%.c tests/bench/net.c
	@mkdir -p $(BUILD)
	$(CC) $(BENCH_CFLAGS) -o $@ $< tests/bench/net.c $(LDLIBS)

bench: all $(BUILD)/loadgen $(BUILD)/bareloop $(BUILD)/sweep $(BUILD)/disk
	sh tests/bench/setup.sh
	tests/bench/run

abuse: all $(BUILD)/loadgen
	sh tests/setup.sh
	BUILD=$(BUILD) PUSHSSE_BIN="$(CURDIR)/$(PROGRAM)" node tests/bench/abuse.js

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 pushsse $(DESTDIR)$(PREFIX)/bin/pushsse
	sed 's/^\.Os$$/.Os pushsse $(VERSION)/' pushsse.1 > $(DESTDIR)$(PREFIX)/share/man/man1/pushsse.1
	chmod 644 $(DESTDIR)$(PREFIX)/share/man/man1/pushsse.1
	install -m 644 deploy/pushsse.service deploy/pushsse.socket $(DESTDIR)$(PREFIX)/lib/systemd/system

dist:
	@mkdir -p $(BUILD)
	sh deploy/dist.sh $(BUILD)/pushsse-$(VERSION).tar.gz

deb: dist
	sh deploy/debian/build.sh $(BUILD)/pushsse-$(VERSION).tar.gz $(VERSION)

clean:
	rm -rf build pushsse

.PHONY: all run check test fuzz fuzz-targets crashtest faulty faults soak bench abuse install dist deb clean

-include $(wildcard $(BUILD)/*.d $(BUILD)/fuzz/*.d)
