# kernels/cuda compiled for the processor: the emulator in the place of CUDA's header. checkkernels holds the table that
# comes of it to the reference, in several orders of threads.

EMU_SRC     := $(wildcard kernels/cuda/*.cu)
EMU_OBJ     := $(patsubst kernels/cuda/%.cu,$(BUILD)/test/cuda-emu/kernels/%.o,$(EMU_SRC)) \
               $(addprefix $(BUILD)/test/cuda-emu/,cublas.o cudnn.o)
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

$(BUILD)/test/cuda-emu/%.o: test/cuda-emu/%.cu
	@mkdir -p $(@D)
	$(CXX) -Itest/cuda-emu $(CPPFLAGS) $(EMU_CXXFLAGS) -MMD -MP -x c++ -c -o $@ $<

$(BUILD)/test/cuda-emu/faults: $(call objs,$(addprefix test/cuda-emu/,faults.c faults_hopper.c block.c async.c fiber.c))
	$(CC) $(LDFLAGS) -o $@ $^ -lm

# Ways to compute a layer, each by itself: our own, and NVIDIA's libraries. In the emulator, there on stand-ins for the
# libraries, and by nvcc for a device, on what is installed.
WAYS_EMU := $(addprefix $(BUILD)/test/cuda-emu/,ways libraries)

$(WAYS_EMU): %: %.o $(EMU_OBJ) $(call objs,$(addprefix test/cuda-emu/,block.c async.c fiber.c)) $(call lib,kernels)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_kernels) -lm

$(BUILD)/test/cuda-emu/%.cu.o: test/cuda-emu/%.cu
	@mkdir -p $(@D)
	@echo '$(NVCC) -c $<'
	@$(NVCC) $(filter-out -Xptxas -v,$(NVCCFLAGS)) -MD -MP -MF $(@:.o=.d) -c -o $@ $<

$(addsuffix -cuda,$(WAYS_EMU)): %-cuda: %.cu.o $(CUDA_OBJ) $(CUDA_HOST)
	$(NVCC) -cudart static -o $@ $^

# What NVIDIA's names are, in the emulator's headers and in the installed ones.
NAMES_EMU := $(BUILD)/test/cuda-emu/names
NAMES_GPU := $(if $(CUDA_LIBRARY),$(NAMES_EMU)-cuda)

$(NAMES_EMU): %: %.o
	$(CC) $(LDFLAGS) -o $@ $^
$(NAMES_EMU)-cuda: %-cuda: %.cu.o
	$(NVCC) -cudart static -o $@ $^

LIBRARIES := $(BUILD)/test/cuda-emu/libraries
# One kind of layers, and the library for it: beside the first way it is the only one to choose.
forced = $(foreach s,$(firstword $(EMU_SEEDS)),\
         "VISAVIS_CUDA_WAY=$(2) VV_EMU_SEED=$(s) $(EMU_PROGRAM) --kernels=cuda-emu --seed=$(s) --check=$(1)")
libraries_programs := $(LIBRARIES) $(NAMES_EMU) $(if $(CUDA_LIBRARY),$(LIBRARIES)-cuda $(NAMES_GPU))
libraries_commands := "$(LIBRARIES)" $(if $(CUDA_LIBRARY),"$(LIBRARIES)-cuda") \
                      "test/cuda-emu/names.sh $(NAMES_EMU) $(NAMES_GPU)" \
                      $(call forced,linear,cublas) $(call forced,conv,cudnn)

# Our own ways: on an old device and on one of Hopper's.
WAYS := $(BUILD)/test/cuda-emu/ways
ways_programs := $(WAYS) $(if $(CUDA_LIBRARY),$(WAYS)-cuda)
ways_commands := $(foreach s,$(filter 1 2,$(EMU_SEEDS)),"VV_EMU_SEED=$(s) $(WAYS)") $(if $(CUDA_LIBRARY),"$(WAYS)-cuda") \
                 $(call forced,linear,wgmma) $(call forced,conv,wgmma)

emu_commands := "$(BUILD)/test/cuda-emu/faults" $(ways_commands) $(libraries_commands) \
                $(foreach s,$(EMU_SEEDS),"VISAVIS_CUDA_WAY=all VV_EMU_SEED=$(s) $(EMU_PROGRAM) --kernels=cuda-emu --seed=$(s)") \
                "test/cuda-emu/spills.sh $(if $(CUDA_LIBRARY),$(CUDA_OBJ:.o=.ptxas))"
kernels_programs += $(EMU_PROGRAM) $(BUILD)/test/cuda-emu/faults $(ways_programs) $(libraries_programs) $(CUDA_LIBRARY)
kernels_commands += $(emu_commands)

## make check-cuda the CUDA kernels in the emulator against the reference, and what ptxas says of them
.PHONY: check-cuda
check-cuda: $(EMU_PROGRAM) $(BUILD)/test/cuda-emu/faults $(ways_programs) $(libraries_programs) $(CUDA_LIBRARY)
	@test/run $(emu_commands)
