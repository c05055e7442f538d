# fuzz.mk: make fuzz. fuzz-targets are the programs alone, built as CC and CFLAGS say.

SECONDS ?= 60
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SERVER = fuzz_server client model main
FUZZ_WRAPPED = setsockopt clock_monotonic clock_microseconds clock_today

$(BUILD)/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(BUILD)/fuzz
	$(CC) $(CFLAGS) -I. -MMD -MP -c -o $@ $<

$(BUILD)/fuzz_%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/main.o $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# With a clock of its own, and sockets that hold little.
$(BUILD)/fuzz_server: $(FUZZ_SERVER:%=$(BUILD)/fuzz/%.o) $(filter-out $(BUILD)/pushsse.o,$(OBJECTS))
	$(CC) $(CFLAGS) $(FUZZ_WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS)

.PRECIOUS: $(BUILD)/fuzz/%.o

fuzz-targets: $(FUZZ)

# In a folder of their own, as clang and libFuzzer see them. clang: the server, of the same objects.
CLANG = $(MAKE) BUILD=build/fuzz PROGRAM=build/fuzz/pushsse CC=clang LDFLAGS= CFLAGS='-O1 -g -DLIBFUZZER -std=c11 \
	-D_POSIX_C_SOURCE=200809L $(WARNINGS) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover'

fuzzers:
	+$(CLANG) LDLIBS='-fsanitize=fuzzer -lpthread' fuzz-targets

clang:
	+$(CLANG) all

fuzz:
	sh tests/fuzz/run $(SECONDS)

.PHONY: fuzz fuzz-targets fuzzers clang

-include $(wildcard $(BUILD)/fuzz/*.d)
