# pack.mk: make dist, deb.

dist:
	@mkdir -p $(BUILD)
	sh deploy/dist.sh $(BUILD)/pushsse-$(VERSION).tar.gz

deb: dist
	sh deploy/debian/build.sh $(BUILD)/pushsse-$(VERSION).tar.gz $(VERSION)

.PHONY: dist deb
