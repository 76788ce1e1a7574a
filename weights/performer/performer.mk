# The performer: the program that makes synthetic people and conversations. Nothing else in the project links it, and it
# needs packages of its own (section [train] of packages.txt).

SRC_performer  := $(filter-out weights/performer/main.c,$(wildcard weights/performer/*.c))
DEPS_performer := performer media base
LIBS_performer := -lzstd -ljpeg -ljansson -lsndfile -lespeak-ng -lflite_cmu_us_slt -lflite_cmu_us_rms -lflite_cmu_us_awb \
                  -lflite_usenglish -lflite_cmulex -lflite $(LIBS_media)
PERFORMER      := $(BUILD)/visavis-performer

$(call lib,performer): $(call objs,$(SRC_performer))
	@rm -f $@
	ar rcs $@ $^

# Drawing is arithmetic without special cases: no NaN, no errno, sums in any order. One build is one set of bytes; threads
# share it.
performer_fast := $(call objs,$(patsubst %,weights/performer/%.c,mesh skinning depth light raster shade shade_eye shade_mouth hair \
                    groom atlas texture render background camera))
$(performer_fast): override CFLAGS += -O3 -ffast-math

## make performer  the program that makes synthetic people, build/visavis-performer
.PHONY: performer
performer: $(PERFORMER)
$(PERFORMER): $(call objs,weights/performer/main.c) $(foreach m,$(DEPS_performer),$(call lib,$(m)))
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_performer) -lm

$(eval $(call unit_program,performer))

## make dataset    makes conversations for training: make dataset FOLDER=data SIZE=100 ARGS="--seconds 60"
SIZE ?= 100
.PHONY: dataset
dataset: $(PERFORMER)
	@test -n "$(FOLDER)" || { echo 'usage: make dataset FOLDER=data SIZE=100 ARGS="--seconds 60"'; echo; $(PERFORMER) dataset --help; exit 2; }
	$(PERFORMER) dataset "$(FOLDER)" --size $(SIZE) $(ARGS)

## make voices     installs what training needs: recordings of people; prints who can speak
.PHONY: voices
voices: $(PERFORMER)
	@scripts/packages.sh train
	$(PERFORMER) voices

## make portraits  draws the shipped characters' portraits, weights/characters/NAME.png, anew
portraits_files := $(patsubst weights/performer/characters/%.conf,weights/characters/%.png,$(sort $(wildcard weights/performer/characters/*.conf)))
.PHONY: portraits
portraits: $(PERFORMER)
	@mkdir -p weights/characters
	set -e; $(foreach p,$(portraits_files),$(PERFORMER) portrait $(basename $(notdir $(p))) $(p);)
