# The CUDA engine's tests beside checkkernels: how it is opened, whole windows in the emulator; and, where a GPU is, on it.

# ---- opening it: doubles of the shared object ---------------------------------------------------------------------------

engine_doubles := $(patsubst %,$(BUILD)/test/unit/kernels/engine_%.so,double other nameless)
ENGINE_FLAGS_other    := -DVV_TEST_OTHER
ENGINE_FLAGS_nameless := -DVV_TEST_NAMELESS

$(BUILD)/test/unit/kernels/engine_%.so: test/unit/kernels/engine_double.c kernels/cuda_load.h kernels/kernels.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fsanitize=%,$(CFLAGS)) $(ENGINE_FLAGS_$*) -fPIC -shared -o $@ $<

$(BUILD)/test/unit/kernels/cuda_load_test: | $(engine_doubles)

# ---- whole windows: the model on the emulated table against the model on the processor's -----------------------------------

WINDOW_TEST    := $(BUILD)/test/gpu/window_test
WINDOW_MODULES := avatar kernels weights media base
WINDOW_OBJ     := $(EMU_OBJ) $(call objs,test/gpu/window_test.c $(addprefix test/cuda-emu/,async.c block.c fiber.c))

$(WINDOW_TEST): $(WINDOW_OBJ) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m))) -lcmocka -lm

kernels_programs += $(WINDOW_TEST)
kernels_commands += "$(WINDOW_TEST)"

# ---- on a GPU ------------------------------------------------------------------------------------------------------------

# What the scripts say, and what their tables make of it: without a GPU.
kernels_commands += "test/gpu/scripts_test.sh $(BUILD)"

.PHONY: test-gpu bench-gpu
GPU_BENCH    := $(BUILD)/test/gpu/bench
GPU_WAYS     := $(addprefix $(BUILD)/test/cuda-emu/,ways-cuda libraries-cuda)
GPU_PROGRAMS := $(BUILD)/test/kernels/checkkernels $(WINDOW_TEST) $(PROGRAM) $(if $(CUDA_LIBRARY),$(GPU_WAYS))

$(GPU_BENCH): $(call objs,test/gpu/bench.c) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m))) -lm

## make test-gpu   checkkernels and whole windows on the GPU, then under compute-sanitizer; some minutes
test-gpu: $(GPU_PROGRAMS) $(CUDA_LIBRARY)
	@BUILD=$(BUILD) scripts/test-gpu.sh

## make bench-gpu  what each kernel and a whole window cost on the GPU, beside PyTorch; how many sessions it carries
bench-gpu: $(GPU_PROGRAMS) $(GPU_BENCH) $(CUDA_LIBRARY)
	@BUILD=$(BUILD) scripts/bench-gpu.sh

# ---- a bundle for a GPU machine without this build's packages ---------------------------------------------------------------

GPU_BUNDLE ?= $(BUILD)/visavis-gpu

# The same programs once more, which find their libraries beside them wherever they lie: bin/NAME, lib/LIBRARY.so.
# RPATH, not RUNPATH: it holds for the libraries' own libraries too.
BUNDLE_LDFLAGS := -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib' -Wl,-s
BUNDLE_PROGRAMS := $(addprefix $(BUILD)/bundle/bin/,visavis checkkernels window_test bench)

$(BUILD)/bundle/bin/visavis: $(call objs,server/main.c) $(foreach m,$(MODULES),$(call lib,$(m)))
$(BUILD)/bundle/bin/visavis: BUNDLE_LIBS := $(foreach m,$(MODULES),$(LIBS_$(m))) -ldl
$(BUILD)/bundle/bin/checkkernels: $(call objs,$(wildcard test/kernels/*.c)) $(call lib,kernels)
$(BUILD)/bundle/bin/checkkernels: BUNDLE_LIBS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc $(LIBS_kernels)
$(BUILD)/bundle/bin/window_test: $(WINDOW_OBJ) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
$(BUILD)/bundle/bin/window_test: BUNDLE_LIBS := $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m))) -lcmocka
$(BUILD)/bundle/bin/bench: $(call objs,test/gpu/bench.c) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
$(BUILD)/bundle/bin/bench: BUNDLE_LIBS := $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m)))

$(BUNDLE_PROGRAMS):
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(BUNDLE_LDFLAGS) -o $@ $^ $(BUNDLE_LIBS) -lm

## make gpu-bundle  packs all that tests, measures and runs visavis on another machine's GPU (GPU_BUNDLE; WEIGHTS=0: no weights)
.PHONY: gpu-bundle
gpu-bundle: $(BUNDLE_PROGRAMS) $(CUDA_LIBRARY) $(if $(CUDA_LIBRARY),$(GPU_WAYS))
	@[ -n "$(CUDA_LIBRARY)" ] || { echo "no nvcc: there is no CUDA engine to pack"; exit 1; }
	@BUILD=$(BUILD) WEIGHTS=$(WEIGHTS) scripts/gpu-bundle.sh $(GPU_BUNDLE)
