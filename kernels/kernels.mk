# The kernels' library: tables, ref/, cpu/. kernels/cpu/vector is compiled once for every instruction set, chosen between
# at run time: warp.c becomes warp.plain.o, warp.avx2.o and warp.avx512.o.

KERNELS_ISAS := plain $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),avx2 avx512)

ISA_FLAGS_plain  :=
ISA_FLAGS_avx2   := -mavx2 -mfma
ISA_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512

# -O3 vectorises; products and sums may fuse, and nothing reads errno or floating-point exceptions.
VECTOR_FLAGS := $(if $(filter -O0,$(OPT)),,-O3) -ffp-contract=fast -fno-math-errno -fno-trapping-math

SRC_kernels := $(wildcard kernels/*.c kernels/ref/*.c kernels/cpu/*.c) \
               $(foreach isa,$(KERNELS_ISAS),$(patsubst %.c,%.$(isa).c,$(wildcard kernels/cpu/vector/*.c)))
LIBS_kernels := -ldnnl -lgomp

define vector_rule
$(BUILD)/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -DVV_ISA=$(1) $$(CFLAGS) $(VECTOR_FLAGS) $(ISA_FLAGS_$(1)) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,$(KERNELS_ISAS),$(eval $(call vector_rule,$(isa))))
