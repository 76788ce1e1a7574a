# Training: datasets from the performer, weights from datasets. Nothing of it is needed to build, run or test the server.

TRAIN   := OMP_WAIT_POLICY=passive /usr/bin/python3
DATASET ?= $(BUILD)/dataset/codec
RUN     ?= $(BUILD)/run/codec
MINUTES ?= 120
SPEECH  ?= $(BUILD)/run/speech
ALIGNED ?= $(BUILD)/aligned

# What `make test` hands to test/run.
train_commands := "test/unit/train/align.sh $(PERFORMER)"

## make train-deps installs what training needs: PyTorch, recordings of people
.PHONY: train-deps train-codec
train-deps:
	@scripts/packages.sh build test train

## make train-codec makes a dataset (DATASET) and trains the portrait codec on it (RUN, MINUTES); goes on where it stopped
train-codec: train-deps $(PERFORMER)
	$(PERFORMER) dataset $(DATASET) --size 130 --seconds 60 --every 15 --pictures raw --characters weights/performer/characters --seed 11
	$(TRAIN) weights/train/train_codec.py $(DATASET) $(RUN) --minutes $(MINUTES)

# The rest of the model, in the order that each needs what is before it:
#   make train-speech; make align; make train-speech-real; make train-head; make train-denoiser; make export
VOICES   ?= $(BUILD)/dataset/voices
FILMS    ?= $(BUILD)/dataset/films
HEAD     ?= $(BUILD)/run/head
DENOISER ?= $(BUILD)/run/denoiser
REAL     ?= $(SPEECH)-real
CAST     := --characters weights/performer/characters --always

## make train-speech  trains the speech encoder on synthetic voices (SPEECH, MINUTES)
.PHONY: train-voices train-films train-speech train-speech-real train-head train-denoiser export
train-voices: train-deps $(PERFORMER)
	$(PERFORMER) dataset $(VOICES) --size 300 --seconds 60 --seed 61 --pictures none --festival

train-speech: train-voices
	$(TRAIN) weights/train/train_speech.py $(VOICES) $(SPEECH) --minutes $(MINUTES)

## make train-speech-real  goes on with the encoder on recordings too, as aligned (ALIGNED), in a second run (REAL)
train-speech-real: train-voices
	$(TRAIN) weights/train/train_speech.py $(VOICES) $(REAL) --begin $(SPEECH)/checkpoint.pt --rate 6e-4 --minutes $(MINUTES) \
	    --real $(wildcard $(ALIGNED)/*.npz)

## make train-head    trains the generator of heads, gazes and blinks (HEAD)
train-head: train-voices train-films
	$(TRAIN) weights/train/train_head.py --motion $(VOICES) --mask $(FILMS) --run $(HEAD) --minutes $(MINUTES)

train-films: train-deps $(PERFORMER)
	$(PERFORMER) dataset $(FILMS) --size 24 --seconds 60 --seed 65 --pictures raw $(CAST)
	$(TRAIN) weights/train/latents.py $(FILMS)

## make train-denoiser  trains the denoiser's first stage on films of the characters (DENOISER, MINUTES)
train-denoiser: train-films
	$(TRAIN) weights/train/train_denoiser.py $(FILMS) --speech $(REAL) --head $(HEAD) --run $(DENOISER) --minutes $(MINUTES)

## make export        writes the runs' weights to weights/
export:
	$(TRAIN) weights/train/export_speech.py --run $(REAL) weights/speech.safetensors
	$(TRAIN) weights/train/export_denoiser.py --head --run $(HEAD) weights/head.safetensors
	$(TRAIN) weights/train/export_denoiser.py --run $(DENOISER) weights/denoiser.safetensors

## make align      finds phoneme times in recordings of people by a speech encoder (SPEECH, a run), into ALIGNED; goes on where it stopped
.PHONY: align check-align
align: train-deps $(PERFORMER)
	$(TRAIN) weights/train/align.py $(PERFORMER) $(SPEECH) $(ALIGNED) $(ARGS)

## make check-align  what that encoder's alignment is off by, where the times are known
check-align: train-deps $(PERFORMER)
	$(TRAIN) weights/train/align.py $(PERFORMER) $(SPEECH) --check
