# bench.mk: make bench, abuse.

LOADGEN = loadgen trial storm streams publishers request wire meter histogram net
BENCH_CFLAGS = -O2 -g -std=c11 -D_GNU_SOURCE $(WARNINGS) -I. -Itests/bench

$(BUILD)/loadgen: $(LOADGEN:%=tests/bench/%.c) $(wildcard tests/bench/*.h) $(PURE:%=%.c)
	@mkdir -p $(BUILD)
	$(CC) $(BENCH_CFLAGS) -o $@ $(LOADGEN:%=tests/bench/%.c) $(PURE:%=%.c) $(LDLIBS)

$(BUILD)/bareloop $(BUILD)/sweep $(BUILD)/disk $(BUILD)/copy: $(BUILD)/%: tests/bench/%.c tests/bench/net.c
	@mkdir -p $(BUILD)
	$(CC) $(BENCH_CFLAGS) -o $@ $< tests/bench/net.c $(LDLIBS)

bench: all $(BUILD)/loadgen $(BUILD)/bareloop $(BUILD)/sweep $(BUILD)/disk $(BUILD)/copy
	sh tests/bench/setup.sh
	tests/bench/run

abuse: all $(BUILD)/loadgen
	sh tests/setup.sh
	BUILD=$(BUILD) PUSHSSE_BIN="$(CURDIR)/$(PROGRAM)" node tests/bench/abuse.js

.PHONY: bench abuse
