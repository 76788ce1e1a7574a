# checkkernels: every kernel of every backend against the reference.

kernels_programs := $(BUILD)/test/kernels/checkkernels
kernels_commands := "$(kernels_programs)" "ONEDNN_MAX_CPU_ISA=AVX2 $(kernels_programs)" \
                    "$(kernels_programs) --kernels=shadow"

# --wrap: allocations of our own are counted, to show that running a layer makes none.
$(BUILD)/test/kernels/checkkernels: $(call objs,$(wildcard test/kernels/*.c)) $(call lib,kernels)
	$(CC) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc -o $@ $^ $(LIBS_kernels) -lm

## make checkkernels  every kernel against the reference; make bench-kernels: what they cost
.PHONY: checkkernels bench-kernels
checkkernels: $(kernels_programs)
	@test/run $(kernels_commands)
bench-kernels: $(kernels_programs)
	$< --bench
