# fuzz.mk: make fuzz. fuzz-targets are the programs alone, built as CC and CFLAGS say.

SECONDS = 60
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SERVER = fuzz_server client model main

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

.PHONY: fuzz fuzz-targets

-include $(wildcard $(BUILD)/fuzz/*.d)
