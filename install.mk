# Installing under PREFIX, and the systemd unit.

INSTALL ?= install
BINDIR  := $(DESTDIR)$(PREFIX)/bin
DATADIR := $(DESTDIR)$(PREFIX)/share/visavis
LIBDIR  := $(DESTDIR)$(PREFIX)/lib/visavis
UNITDIR := $(DESTDIR)$(if $(filter /usr /usr/local,$(PREFIX)),/etc/systemd/system,$(PREFIX)/lib/systemd/system)
weights_files := $(wildcard weights/*.safetensors)
character_files := $(wildcard $(addprefix weights/characters/*.,png jpg jpeg))
web_files := $(filter-out %.md,$(wildcard web-demo/*))

## make install    installs the program, the page, the weights and a systemd unit under PREFIX (/usr/local); DESTDIR for packaging
install: build
	$(INSTALL) -d $(BINDIR) $(DATADIR)/web-demo $(DATADIR)/weights/characters $(UNITDIR) $(DESTDIR)/etc/visavis
	$(INSTALL) -m 755 $(PROGRAM) $(BINDIR)/visavis
	$(INSTALL) -m 644 $(web_files) $(DATADIR)/web-demo
	if [ -e $(BUILD)/libvisavis_cuda.so ]; then \
	    $(INSTALL) -d $(LIBDIR) && $(INSTALL) -m 755 $(BUILD)/libvisavis_cuda.so $(LIBDIR); fi
	$(if $(weights_files),$(INSTALL) -m 644 $(weights_files) $(DATADIR)/weights)
	$(if $(character_files),$(INSTALL) -m 644 $(character_files) $(DATADIR)/weights/characters)
	sed 's|@PREFIX@|$(PREFIX)|g' scripts/visavis.service.in > $(UNITDIR)/visavis.service
	chmod 644 $(UNITDIR)/visavis.service
	test -e $(DESTDIR)/etc/visavis/visavis.conf || \
	    { $(PROGRAM) serve --print-config > $(DESTDIR)/etc/visavis/visavis.conf && chmod 640 $(DESTDIR)/etc/visavis/visavis.conf; }

## make uninstall  removes what install put there; the configuration in /etc/visavis stays
uninstall:
	rm -f $(BINDIR)/visavis $(UNITDIR)/visavis.service
	rm -rf $(DATADIR) $(LIBDIR)
