# kernels/cuda compiled for the processor: the emulator in the place of CUDA's header. checkkernels holds the table that
# comes of it to the reference, in several orders of threads.

EMU_SRC     := $(wildcard kernels/cuda/*.cu)
EMU_OBJ     := $(patsubst kernels/cuda/%.cu,$(BUILD)/test/cuda-emu/kernels/%.o,$(EMU_SRC))
EMU_PROGRAM := $(BUILD)/test/cuda-emu/checkkernels
# The thread sanitizer takes a long time over every change of fibers, and has nothing to find in a single thread.
EMU_SEEDS   ?= $(if $(filter thread,$(SANITIZE)),,1 2 3)

EMU_CXXFLAGS := -std=c++17 $(OPT) -Wall -Wextra -Wshadow -Wno-unknown-pragmas $(WERROR) $(SAN) -fno-exceptions \
                -fno-rtti -fno-math-errno -ffp-contract=fast -pthread

$(BUILD)/test/cuda-emu/kernels/%.o: kernels/cuda/%.cu
	@mkdir -p $(@D)
	$(CXX) -Itest/cuda-emu $(CPPFLAGS) $(EMU_CXXFLAGS) -MMD -MP -x c++ -c -o $@ $<

$(EMU_PROGRAM): $(EMU_OBJ) $(call objs,$(wildcard test/cuda-emu/*.c) $(wildcard test/kernels/*.c)) $(call lib,kernels)
	$(CC) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc -o $@ $^ $(LIBS_kernels) -lm

$(BUILD)/test/cuda-emu/faults.o: test/cuda-emu/faults.cu
	@mkdir -p $(@D)
	$(CXX) -Itest/cuda-emu $(CPPFLAGS) $(EMU_CXXFLAGS) -MMD -MP -x c++ -c -o $@ $<

$(BUILD)/test/cuda-emu/faults: $(call objs,$(addprefix test/cuda-emu/,faults.c block.c fiber.c))
	$(CC) $(LDFLAGS) -o $@ $^ -lm

emu_commands := "$(BUILD)/test/cuda-emu/faults" \
                $(foreach s,$(EMU_SEEDS),"VV_EMU_SEED=$(s) $(EMU_PROGRAM) --kernels=cuda-emu --seed=$(s)") \
                "test/cuda-emu/spills.sh $(if $(CUDA_LIBRARY),$(CUDA_OBJ:.o=.ptxas))"
kernels_programs += $(EMU_PROGRAM) $(BUILD)/test/cuda-emu/faults $(CUDA_LIBRARY)
kernels_commands += $(emu_commands)

## make check-cuda the CUDA kernels in the emulator against the reference, and what ptxas says of them
.PHONY: check-cuda
check-cuda: $(EMU_PROGRAM) $(BUILD)/test/cuda-emu/faults $(CUDA_LIBRARY)
	@test/run $(emu_commands)
