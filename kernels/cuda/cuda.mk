# The CUDA backend: one shared object that the program opens at run time (docs/cuda.md). Everything in kernels/cuda
# goes into it; without nvcc it is not built, and the sources are still checked by the emulator (test/cuda-emu).
#
#   CUDA=0            as if there were no nvcc
#   CUDA_ARCHS=90a    fewer architectures, to build faster

CUDA       ?= 1
NVCC       ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_ARCHS ?= 80 86 89 90a 100 120

CUDA_SRC     := $(wildcard kernels/cuda/*.cu)
CUDA_OBJ     := $(patsubst %,$(BUILD)/%.o,$(CUDA_SRC))
CUDA_LIBRARY := $(if $(filter-out 0,$(CUDA)),$(if $(NVCC),$(BUILD)/libvisavis_cuda.so))
# What of kernels/ the object shares with the program, and brings with itself.
CUDA_HOST    := $(patsubst %,$(BUILD)/kernels/cuda/host/%.o,check check_tokens tensor)
CUDA_LIBS    :=

NVCCFLAGS := -std=c++17 -O3 -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra \
             -Werror all-warnings -Xptxas -v -I. \
             $(foreach a,$(CUDA_ARCHS),-gencode=arch=compute_$(a),code=sm_$(a))

# What the object says of itself.
$(BUILD)/kernels/cuda/entry.cu.o: NVCCFLAGS += -DVV_CUDA_ARCHS='"$(CUDA_ARCHS)"'

# Beside every object lies what ptxas says of its kernels' registers: test/cuda-emu/spills.sh reads it.
$(BUILD)/kernels/cuda/%.cu.o: kernels/cuda/%.cu
	@mkdir -p $(@D)
	@echo '$(NVCC) -c $<'
	@$(NVCC) $(NVCCFLAGS) -MD -MP -MF $(@:.o=.d) -c -o $@ $< 2>$(@:.o=.ptxas) || { cat $(@:.o=.ptxas); exit 1; }

$(BUILD)/kernels/cuda/host/%.o: kernels/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fsanitize=%,$(CFLAGS)) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(BUILD)/libvisavis_cuda.so: $(CUDA_OBJ) $(CUDA_HOST)
	$(NVCC) -shared -cudart static -Xlinker --exclude-libs,ALL -Xlinker --no-undefined -o $@ $^ $(CUDA_LIBS)

## make cuda       the CUDA backend, build/libvisavis_cuda.so, if nvcc is there
.PHONY: cuda
cuda: $(CUDA_LIBRARY)
	@[ -n "$(CUDA_LIBRARY)" ] || echo "no nvcc: the CUDA backend is not built"
