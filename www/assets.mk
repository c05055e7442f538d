# assets.mk: the scripts, without comments, and the pages, as C.

SCRIPTS = $(BUILD)/www/pushsse.js $(BUILD)/www/pushsse.mjs $(BUILD)/www/compat.js
PAGES = www/demo.html www/demo.css www/demo.js www/selftest.html www/selftest.css www/selftest.js \
	www/dashboard.html www/dashboard.css www/dashboard.js www/pushsse.d.ts $(SCRIPTS)

$(BUILD)/www/%.js: www/%.js www/strip.awk
	@mkdir -p $(BUILD)/www
	awk -f www/strip.awk $< > $@.part
	mv $@.part $@

$(BUILD)/www/%.mjs: $(BUILD)/www/%.js
	(cat $< && echo 'export{PushSSE,PushSSE as default};') > $@.part
	mv $@.part $@

$(BUILD)/assets.c: $(PAGES) www/embed.sh
	@mkdir -p $(BUILD)
	sh www/embed.sh $(PAGES) > $@.part
	mv $@.part $@

$(BUILD)/assets.o: $(BUILD)/assets.c
	$(CC) $(CFLAGS) -I. -c -o $@ $<
