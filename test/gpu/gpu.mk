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
WINDOW_OBJ     := $(EMU_OBJ) $(call objs,test/gpu/window_test.c test/cuda-emu/block.c test/cuda-emu/fiber.c)

$(WINDOW_TEST): $(WINDOW_OBJ) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m))) -lcmocka -lm

kernels_programs += $(WINDOW_TEST)
kernels_commands += "$(WINDOW_TEST)"

# ---- on a GPU ------------------------------------------------------------------------------------------------------------

.PHONY: test-gpu bench-gpu
GPU_BENCH    := $(BUILD)/test/gpu/bench
GPU_PROGRAMS := $(BUILD)/test/kernels/checkkernels $(WINDOW_TEST) $(PROGRAM)

$(GPU_BENCH): $(call objs,test/gpu/bench.c) $(foreach m,$(WINDOW_MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(WINDOW_MODULES),$(LIBS_$(m))) -lm

## make test-gpu   checkkernels and whole windows on the GPU, then under compute-sanitizer; some minutes
test-gpu: $(GPU_PROGRAMS) $(CUDA_LIBRARY)
	@BUILD=$(BUILD) scripts/test-gpu.sh

## make bench-gpu  what each kernel and a whole window cost on the GPU, and how many sessions it carries
bench-gpu: $(GPU_PROGRAMS) $(GPU_BENCH) $(CUDA_LIBRARY)
	@BUILD=$(BUILD) scripts/bench-gpu.sh
