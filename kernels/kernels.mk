# The kernels' library: tables, ref/, cpu/. kernels/cpu/vector is compiled once for every instruction set, chosen between
# at run time: warp.c becomes warp.plain.o, warp.avx2.o and warp.avx512.o. The core of attention is also compiled for
# processors that multiply bf16.

KERNELS_X86  := $(findstring x86_64,$(shell $(CC) -dumpmachine))
KERNELS_ISAS := plain $(if $(KERNELS_X86),avx2 avx512)

ISA_FLAGS_plain  :=
ISA_FLAGS_avx2   := -mavx2 -mfma
ISA_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
ISA_FLAGS_avx512bf16 := $(ISA_FLAGS_avx512) -mavx512bf16

# -O3 vectorises; products and sums may fuse, and nothing reads errno or floating-point exceptions.
VECTOR_FLAGS := $(if $(filter -O0,$(OPT)),,-O3) -ffp-contract=fast -fno-math-errno -fno-trapping-math

SRC_kernels := $(wildcard kernels/*.c kernels/ref/*.c kernels/cpu/*.c) \
               $(foreach isa,$(KERNELS_ISAS),$(patsubst %.c,%.$(isa).c,$(wildcard kernels/cpu/vector/*.c))) \
               $(if $(KERNELS_X86),kernels/cpu/vector/attend.avx512bf16.c)
LIBS_kernels := -ldnnl -lgomp

define vector_rule
$(BUILD)/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -DVV_ISA=$(1) $$(CFLAGS) $(VECTOR_FLAGS) $(ISA_FLAGS_$(1)) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(KERNELS_ISAS) avx512bf16,$(eval $(call vector_rule,$(isa))))
