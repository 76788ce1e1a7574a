# Everything that `make test`, `bench`, `check` and `fuzz` run.

E2E := $(wildcard test/e2e/*_test.c)
e2e_programs := $(patsubst %.c,$(BUILD)/%,$(E2E))

$(BUILD)/test/e2e/%_test: $(BUILD)/test/e2e/%_test.o $(call objs,$(filter-out %_test.c,$(wildcard test/e2e/*.c))) \
                          $(foreach m,$(MODULES),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(foreach m,$(MODULES),$(LIBS_$(m))) -lcmocka -lm -ldl
