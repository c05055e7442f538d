# trials.mk: what takes the whole server minutes: make crashtest, faults, soak.

ROUNDS ?= 1000
MINUTES ?= 10
# What tests/system/each.c stands before, and the server behind it.
WRAPPED = $(shell sed -n 's/^REAL.[^,]*, \([a-z_]*\),.*/\1/p; s/^int __wrap_\([a-z]*\)..*;/\1/p' tests/system/each.c)
FAULTY_CFLAGS = -O1 -g -std=c11 -D_POSIX_C_SOURCE=200809L -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover

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

.PHONY: crashtest faulty faults soak
