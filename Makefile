# visavis: everything a developer types. `make help` lists it.
#
# One static library per folder, so that a folder links against what it may use and nothing else:
#   base <- protocol, media; kernels; weights; media, kernels, weights <- avatar <- session <- net <- commands (the program)

BUILD    ?= build$(if $(SANITIZE),/$(SANITIZE))
PREFIX   ?= /usr/local
CC       ?= cc
OPT      ?= -O2 -g
WERROR   ?= -Werror
VERSION  := 0.1.0

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 $(WERROR)
SAN      := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer $(if $(filter undefined,$(SANITIZE)),-fno-sanitize-recover=all))
CPPFLAGS += -I. -D_GNU_SOURCE -DVV_VERSION='"$(VERSION)"' -DVV_PREFIX='"$(PREFIX)"'
override CFLAGS  := -std=c11 $(OPT) $(WARN) $(SAN) -pthread $(CFLAGS)
override LDFLAGS := $(SAN) -pthread -rdynamic $(LDFLAGS)

# What each library needs from the system; flite has no .pc file.
LIBS_protocol := -ljansson
LIBS_weights  := -ljansson -lcrypto
LIBS_media    := -lopus -lvpx -lspeexdsp -lsndfile -lpng -ljpeg
LIBS_session  := -lev
LIBS_net      := -lwebsockets -lev -ljwt -lssl -lcrypto
LIBS_commands := -lflite_cmu_us_slt -lflite_usenglish -lflite_cmulex -lflite

include kernels/kernels.mk

MODULES := commands net session avatar kernels weights media protocol base
SRC_base     := $(wildcard server/base/*.c)
SRC_protocol := $(wildcard protocol/*.c)
SRC_weights  := $(wildcard weights/*.c)
SRC_media    := $(wildcard server/media/*.c)
SRC_avatar   := $(wildcard server/avatar/*.c)
SRC_session  := $(wildcard server/session/*.c)
SRC_net      := $(wildcard server/net/*.c)
SRC_commands := $(wildcard server/commands/*.c server/commands/*/*.c server/config.c)

lib  = $(BUILD)/libvv_$(1).a
objs = $(patsubst %.c,$(BUILD)/%.o,$(1))

# The libraries that tests of a folder link, itself first.
DEPS_base     := base
DEPS_protocol := protocol base
DEPS_kernels  := kernels
DEPS_weights  := weights
DEPS_media    := media base
DEPS_avatar   := avatar kernels weights media base
DEPS_session  := session avatar kernels weights media protocol base
DEPS_net      := net session avatar kernels weights media protocol base
DEPS_commands := $(MODULES)

PROGRAM := $(BUILD)/visavis

.DEFAULT_GOAL := build
.PHONY: help build run test bench check fuzz format generate install uninstall clean packages packages-test packages-check

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make build      the program, build/visavis
build: packages $(PROGRAM) cuda

$(PROGRAM): $(call objs,server/main.c) $(foreach m,$(MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(MODULES),$(LIBS_$(m))) -lm -ldl

define library
$(call lib,$(1)): $(call objs,$(SRC_$(1)))
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call library,$(m))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

## make run        installs what is missing, builds, and serves the demo at http://localhost:8080
run: packages $(PROGRAM)
	$(PROGRAM) serve --demo $(ARGS)

## make packages   installs the Debian packages that building and running needs
packages:
	@scripts/packages.sh build
packages-test:
	@scripts/packages.sh build test
packages-check:
	@scripts/packages.sh build test check

# ---- generated files: the page's protocol module, the schema, the reference ------------------------------------

$(BUILD)/generate: $(call objs,$(wildcard protocol/gen/*.c)) $(call lib,protocol) $(call lib,base)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_protocol)

## make generate   writes web-demo/protocol.js, docs/protocol.schema.json and docs/protocol.md from messages.def
generate: $(BUILD)/generate
	$(BUILD)/generate .

# ---- tests -----------------------------------------------------------------------------------------------------

UNIT := $(wildcard test/unit/*/*_test.c)
unit_programs := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(UNIT))

define unit_program
$(BUILD)/test/unit/$(1)/%: $(BUILD)/test/unit/$(1)/%.o $(foreach m,$(DEPS_$(1)),$(call lib,$(m)))
	$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $(foreach m,$(DEPS_$(1)),$(LIBS_$(m))) -lcmocka -lm
endef
$(foreach m,$(MODULES),$(eval $(call unit_program,$(m))))
.SECONDARY:

## make unit-base  the unit tests of one folder (base, protocol, weights, media, avatar, session, net, commands)
unit-%: FORCE
	@$(MAKE) --no-print-directory $(filter $(BUILD)/test/unit/$*/%,$(unit_programs)) && \
	 test/run $(filter $(BUILD)/test/unit/$*/%,$(unit_programs))
FORCE:

include test/test.mk
include test/kernels/kernels.mk
include kernels/cuda/cuda.mk
include test/cuda-emu/cuda-emu.mk
include test/gpu/gpu.mk
include weights/performer/performer.mk
include weights/train/train.mk
include weights/eval/eval.mk

# ---- all of them ---------------------------------------------------------------------------------------------------------

js_commands      := "node --test-reporter=tap test/unit/protocol/protocol_js_test.mjs"
browser_commands := $(patsubst %,"VISAVIS=$(PROGRAM) node --test-reporter=tap --test %",$(wildcard test/browser/*_test.mjs))

## make test       installs what is missing, builds, runs every test that needs no GPU
test: packages-test test-run
.PHONY: test-run e2e browser
test-run: $(PROGRAM) $(PERFORMER) $(BUILD)/generate $(unit_programs) $(replay_programs) $(media_programs) $(kernels_programs) $(e2e_programs) test/browser/node_modules
	@test/run $(unit_programs) $(replay_commands) $(media_commands) $(kernels_commands) $(codec_commands) $(weights_commands) $(train_commands) $(eval_commands) "BUILD=$(BUILD) scripts/check.sh tap generated depend" \
	          $(js_commands) $(e2e_commands) $(browser_commands)

## make e2e        the end-to-end tests alone; make browser: the browser's alone
e2e: $(PROGRAM) $(e2e_programs)
	@test/run $(e2e_commands)
browser: $(PROGRAM) test/browser/node_modules
	@test/run $(browser_commands)

## make bench      what things cost: media operations, one call, twenty calls of the test pattern; docs/benchmarks.md explains the figures
bench: build bench-media
	$(PROGRAM) bench --seconds 20
	$(PROGRAM) bench --sessions 20 --seconds 20 --daemon-args "--avatar test-pattern"

## make check      formatting, generated files, who includes whom, headers that stand alone, clang-tidy
check: packages-check $(BUILD)/generate
	@BUILD=$(BUILD) scripts/check.sh format generated depend headers tidy

## make format     formats all C and CUDA files
format:
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cu' '*.cuh')

include install.mk

## make clean      removes everything built
clean:
	rm -rf $(BUILD)
