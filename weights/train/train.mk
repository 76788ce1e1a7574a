# Training: datasets from the performer, weights from datasets. Nothing of it is needed to build, run or test the server.

TRAIN   := OMP_WAIT_POLICY=passive /usr/bin/python3
DATASET ?= $(BUILD)/dataset/codec
RUN     ?= $(BUILD)/run/codec
MINUTES ?= 120

## make train-deps installs what training needs: PyTorch, recordings of people
.PHONY: train-deps train-codec
train-deps:
	@scripts/packages.sh build test train

## make train-codec makes a dataset (DATASET) and trains the portrait codec on it (RUN, MINUTES); goes on where it stopped
train-codec: train-deps $(PERFORMER)
	$(PERFORMER) dataset $(DATASET) --size 130 --seconds 60 --every 15 --pictures raw --characters weights/performer/characters --seed 11
	$(TRAIN) weights/train/train_codec.py $(DATASET) $(RUN) --minutes $(MINUTES)
