# Everything that `make test`, `bench`, `check` and `fuzz` run.

# ---- unit tests: Makefile builds them; these have parts beside the test itself ------------------------------------

$(BUILD)/test/unit/session/session_test: $(BUILD)/test/unit/session/call.o
$(BUILD)/test/unit/performer/truth_test: $(BUILD)/test/unit/performer/people.o

# ---- end to end: the real program, over real sockets ----------------------------------------------------------------

E2E := $(wildcard test/e2e/*_test.c)
e2e_programs := $(patsubst %.c,$(BUILD)/%,$(E2E))
e2e_commands := $(foreach p,$(e2e_programs),"VISAVIS=$(PROGRAM) $(p)")

$(BUILD)/test/e2e/%_test: $(BUILD)/test/e2e/%_test.o $(call objs,$(filter-out %_test.c,$(wildcard test/e2e/*.c))) \
                          $(foreach m,$(MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(MODULES),$(LIBS_$(m))) -lcmocka -lm -ldl

# ---- the page, in a real browser --------------------------------------------------------------------------------------

test/browser/node_modules: test/browser/package.json test/browser/package-lock.json
	cd test/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund
	@touch $@

## make pictures   takes the documentation's pictures of the page and of a face that speaks (docs/images); wants a quiet machine
.PHONY: pictures
pictures: $(PROGRAM) $(BUILD)/visavis-performer test/browser/node_modules
	VISAVIS=$(PROGRAM) node test/browser/screenshots.mjs
	VISAVIS=$(PROGRAM) PERFORMER=$(PERFORMER) node test/browser/speaking.mjs

# ---- fuzzing ---------------------------------------------------------------------------------------------------
#
# test/fuzz/NAME_fuzz.c is a libFuzzer target; test/fuzz/corpus/NAME holds its seeds and every input that once broke
# something. `make fuzz` looks for new ones with clang; the NAME_replay programs feed the kept ones to the same target
# under any compiler and sanitizer. FUZZ_LIBS_NAME says what a target links; the media library unless said.

FUZZ_SECONDS      ?= 60
FUZZ_LIBS_frame   := protocol base
FUZZ_LIBS_message := protocol base
FUZZ_LIBS_weights := weights
fuzz_libs          = $(or $(FUZZ_LIBS_$(1)),media base)

FUZZ            := $(sort $(patsubst test/fuzz/%_fuzz.c,%,$(wildcard test/fuzz/*_fuzz.c)))
replay_programs := $(FUZZ:%=$(BUILD)/test/fuzz/%_replay)
fuzz_programs   := $(FUZZ:%=$(BUILD)/test/fuzz/%_fuzz)
# What `make test` hands to test/run.
replay_commands := $(foreach f,$(FUZZ),"$(BUILD)/test/fuzz/$(f)_replay test/fuzz/corpus/$(f)")

define fuzz_target
$(BUILD)/test/fuzz/$(1)_replay: $(BUILD)/test/fuzz/$(1)_fuzz.o $(BUILD)/test/fuzz/replay.o \
                                $(foreach m,$(call fuzz_libs,$(1)),$(call lib,$(m)))
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $(foreach m,$(call fuzz_libs,$(1)),$(LIBS_$(m))) -lm

$(BUILD)/test/fuzz/$(1)_fuzz: $(BUILD)/test/fuzz/$(1)_fuzz.o $(foreach m,$(call fuzz_libs,$(1)),$(call lib,$(m)))
	$$(CC) $$(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $(foreach m,$(call fuzz_libs,$(1)),$(LIBS_$(m))) -lm
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_target,$(f))))

## make fuzz       looks for inputs that break a parser, FUZZ_SECONDS each (60); FUZZ=message for one target
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang SANITIZE=address,undefined OPT="-O1 -g" \
	         CFLAGS="-fsanitize=fuzzer-no-link -fno-sanitize-recover=all" fuzz-run

.PHONY: fuzz-run fuzz-replay
fuzz-run: $(fuzz_programs)
	@for target in $(FUZZ); do \
	     mkdir -p $(BUILD)/corpus/$$target; \
	     echo "# $$target: $(FUZZ_SECONDS) s"; \
	     $(BUILD)/test/fuzz/$${target}_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
	         -verbosity=0 -artifact_prefix=$(BUILD)/$$target- $(BUILD)/corpus/$$target test/fuzz/corpus/$$target \
	         || exit 1; \
	 done

## make fuzz-replay  feeds the kept inputs to the same parsers
fuzz-replay: $(replay_programs)
	@test/run $(replay_commands)

# ---- media ------------------------------------------------------------------------------------------------------

# What `make test` hands to test/run beside the unit tests: the log-mel rows against numpy, skipped where it is missing.
media_programs := $(BUILD)/test/unit/media/log_mel_rows
media_commands := "test/unit/media/log_mel_numpy.sh $(BUILD)/test/unit/media/log_mel_rows"

.PHONY: bench-media fuzz-seeds
$(BUILD)/test/bench/media_bench: $(BUILD)/test/bench/media_bench.o $(call lib,media) $(call lib,base)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_media) -lm

## make bench-media  what encoding, decoding, scaling and features cost, in microseconds
bench-media: $(BUILD)/test/bench/media_bench
	$<

# Writes the seeds of the media's and the weights' fuzz targets anew, by our own encoders.
fuzz-seeds: $(BUILD)/test/unit/media/fuzz_seeds $(BUILD)/test/unit/media/file_seeds $(BUILD)/test/unit/weights/fuzz_seeds
	for seeds in $^; do $$seeds test/fuzz/corpus || exit 1; done

# ---- weights ----------------------------------------------------------------------------------------------------

# What `make test` hands to test/run beside the unit tests: the format as its writer writes it, skipped without numpy.
weights_commands := "test/unit/weights/export_numpy.sh"

# ---- the portrait codec -----------------------------------------------------------------------------------------

CODEC_WEIGHTS ?= weights/codec.safetensors
codec_golden  := $(BUILD)/test/unit/avatar/codec_golden_test
# Beside the unit tests: parity with PyTorch on lesser instructions too.
codec_commands := "ONEDNN_MAX_CPU_ISA=AVX2 $(codec_golden)"

.PHONY: golden-codec bench-codec
## make golden-codec  the codec with trained weights (CODEC_WEIGHTS), on faces of DATASET, against PyTorch stage by stage
golden-codec: $(codec_golden)
	/usr/bin/python3 -B weights/train/export_codec.py --weights $(CODEC_WEIGHTS) --golden $(BUILD)/golden.safetensors \
	    $(addprefix --dataset ,$(wildcard $(DATASET)))
	VISAVIS_GOLDEN=$(BUILD)/golden.safetensors $<

## make bench-codec  what decoding a frame costs, beside PyTorch where that is installed
bench-codec: $(PROGRAM)
	@if /usr/bin/python3 -c 'import torch' 2>/dev/null; then \
	     /usr/bin/python3 -B weights/eval/bench_torch.py $(CODEC_WEIGHTS) --program $(PROGRAM); \
	 else \
	     echo "PyTorch is not installed (make train-deps): only the server is measured"; \
	     $(PROGRAM) codec --bench --weights $(CODEC_WEIGHTS); \
	 fi

# ---- the speech encoder -----------------------------------------------------------------------------------------

SPEECH_WEIGHTS ?= weights/speech.safetensors

.PHONY: golden-speech
## make golden-speech  the speech encoder with trained weights (SPEECH_WEIGHTS), on a voice of DATASET, against PyTorch
golden-speech: $(BUILD)/test/unit/avatar/speech_golden_test
	/usr/bin/python3 -B weights/train/export_speech.py --weights $(SPEECH_WEIGHTS) --golden $(BUILD)/golden-speech.safetensors \
	    $(addprefix --dataset ,$(wildcard $(DATASET)))
	VISAVIS_SPEECH_GOLDEN=$(BUILD)/golden-speech.safetensors $<

# ---- the avatar's model -----------------------------------------------------------------------------------------

DENOISER_WEIGHTS ?= weights/denoiser.safetensors
model_bench      := $(BUILD)/test/bench/model_bench
# Beside the unit tests: parity with PyTorch on lesser instructions too.
codec_commands   += "ONEDNN_MAX_CPU_ISA=AVX2 $(BUILD)/test/unit/avatar/denoiser_golden_test"

$(model_bench): $(BUILD)/test/bench/model_bench.o $(foreach m,$(DEPS_avatar),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(DEPS_avatar),$(LIBS_$(m))) -lm

.PHONY: golden-denoiser bench-model
## make golden-denoiser  the denoiser with trained weights (DENOISER_WEIGHTS) against PyTorch, stage by stage
golden-denoiser: $(BUILD)/test/unit/avatar/denoiser_golden_test
	/usr/bin/python3 -B weights/train/export_denoiser.py --weights $(DENOISER_WEIGHTS) --golden $(BUILD)/golden-denoiser.safetensors
	VISAVIS_DENOISER_GOLDEN=$(BUILD)/golden-denoiser.safetensors $<

## make bench-model  what a window costs, part by part, beside PyTorch where that is installed
bench-model: $(model_bench)
	@if /usr/bin/python3 -c 'import torch' 2>/dev/null; then \
	     for kind in bf16 f32; do \
	         OMP_WAIT_POLICY=passive /usr/bin/python3 -B weights/eval/bench_model.py weights --kind $$kind --server $<; \
	     done; \
	 else \
	     for kernels in cpu-bf16 cpu-f32 cpu-avx2; do $< weights $$kernels; done; \
	 fi

# ---- the network's unit tests ----------------------------------------------------------------------------------
#
# They bring a hub of their own (hub_double.c), which implements session.h in memory: the network side is tested by
# itself, and linked without the sessions.

NET_SUPPORT := $(call objs,$(filter-out %_test.c,$(wildcard test/unit/net/*.c)))

$(BUILD)/test/unit/net/%_test: $(BUILD)/test/unit/net/%_test.o $(NET_SUPPORT) $(call lib,net) $(call lib,protocol) \
                               $(call lib,base)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_net) $(LIBS_protocol) -lcmocka -lm
