# Evaluation: what says that the weights are good. Needs what training needs, and nothing of it is needed to build, run or
# test the server.

EVAL_DATASET  ?= $(BUILD)/dataset/eval
PROBE_RUN     ?= $(BUILD)/run/probe
PROBE_MINUTES ?= 12
PROBE         ?= $(PROBE_RUN)/probe.safetensors
CODEC         ?= $(RUN)
CARD          ?= docs/model-card.md
TRAINED_ON    ?= 11

# Frames that no training saw: stills every 3 s of many people, every frame of a few, from dialogues of their own (other
# seeds). TRAINED_ON: the seeds of the datasets that CODEC was trained on.
eval_stills := $(EVAL_DATASET)/stills
eval_motion := $(EVAL_DATASET)/motion

# What `make test` hands to test/run.
eval_commands := $(patsubst %,"test/unit/eval/%.sh",metrics avatar generate gpu_compare)

## make eval-data  draws the people and frames that evaluation measures with (EVAL_DATASET)
.PHONY: eval-data train-probe eval-codec
eval-data: $(PERFORMER)
	$(PERFORMER) dataset $(eval_stills) --size 96 --seconds 30 --every 75 --pictures raw \
	             --characters weights/performer/characters --seed 1012
	$(PERFORMER) dataset $(eval_motion) --size 16 --seconds 5 --every 1 --pictures raw \
	             --characters weights/performer/characters --seed 1013

## make train-probe  trains the network that reads faces for the evaluation (DATASET, PROBE_RUN, PROBE_MINUTES)
train-probe: train-deps
	$(TRAIN) weights/eval/train_probe.py $(DATASET) $(PROBE_RUN) --minutes $(PROBE_MINUTES) --card $(CARD)

## make eval-codec   measures a codec (CODEC: a run or a file of weights) on held-out frames; fills in docs/model-card.md
eval-codec: train-deps eval-data
	$(TRAIN) weights/eval/eval_codec.py $(CODEC) $(eval_stills) $(eval_motion) --probe $(PROBE) \
	         --out $(BUILD)/eval --training-seeds $(TRAINED_ON) --card $(CARD)
	$(TRAIN) weights/eval/eval_drawing.py $(CODEC) $(eval_stills) --out $(BUILD)/eval/codec-drawing.jpg \
	         --training-seeds $(TRAINED_ON) --card $(CARD)
	cp $(BUILD)/eval/codec-characters.jpg $(BUILD)/eval/codec-unseen.jpg $(BUILD)/eval/codec-drawing.jpg docs/images/
	test ! -f $(RUN)/log.jsonl || $(TRAIN) weights/train/plot.py $(RUN) docs/images/codec-training.svg

# ---- networks trained on photographs read the performers' faces ----------------------------------------------------------

READER          := weights/eval/outside_reader
EXAM            ?= $(BUILD)/exam
EXAM_IDENTITIES ?= 200

$(READER)/node_modules: $(READER)/package.json $(READER)/package-lock.json
	cd $(READER) && npm ci --silent --no-audit --no-fund
	@touch $@

## make eval-reader  draws people with every expression and lets networks trained on photographs read them (EXAM_IDENTITIES)
.PHONY: eval-reader
eval-reader: $(PERFORMER) $(READER)/node_modules
	$(PERFORMER) exam $(EXAM) --identities $(EXAM_IDENTITIES)
	node $(READER)/read.mjs $(EXAM)

# ---- the avatar: lips, stillness, whole pictures, heads, half an hour without an end --------------------------------------

EVAL_VOICES  ?= $(BUILD)/dataset/eval-voices
EVAL_OWN     ?= $(BUILD)/dataset/eval-own
EVAL_PARTS   ?= own trained untrained recorded silence noise music distant long whole outside sheets
EVAL_OUT     ?= $(BUILD)/eval/avatar
EVAL_WITH    ?= --visavis $(PROGRAM) --render="--weights weights"
RECORDED     ?=
SPEECH_RUN   ?= $(BUILD)/run/speech
HEAD_RUN     ?= $(BUILD)/run/head
ABLATION_OUT ?= $(BUILD)/run/ablations
ABLATION_MINUTES ?= 15

# Voices that training knew, with texts that it did not, and voices that it never heard; and the performers' own frames of the
# eight characters, which all else is held against. Seeds of their own.
.PHONY: eval-avatar-data eval-avatar eval-ablations
eval-avatar-data: $(PERFORMER)
	$(PERFORMER) dataset $(EVAL_VOICES) --pictures none --size 120 --seconds 30 --seed 71
	$(PERFORMER) dataset $(EVAL_OWN) --pictures raw --size 8 --seconds 30 --every 1 --seed 72 \
	             --characters weights/performer/characters --always

## make eval-avatar  measures the avatar (EVAL_PARTS, RECORDED: files of aligned recordings); fills in docs/model-card.md
#   EVAL_WITH="--speech RUN --head RUN --denoiser RUN" measures training runs, with PyTorch, instead of the program
eval-avatar: train-deps eval-avatar-data $(PROGRAM) $(READER)/node_modules
	$(TRAIN) weights/eval/eval_avatar.py --voices $(EVAL_VOICES) --own $(EVAL_OWN) --probe $(PROBE) --out $(EVAL_OUT) \
	         $(if $(RECORDED),--recorded $(RECORDED)) --part $(EVAL_PARTS) --card $(CARD) $(EVAL_WITH)
	test ! -f $(EVAL_OUT)/avatar-speech.jpg || cp $(EVAL_OUT)/avatar-speech.jpg $(EVAL_OUT)/avatar-random.jpg docs/images/

## make eval-ablations  trains the denoiser without each of its parts (DATASET, SPEECH_RUN, HEAD_RUN, ABLATION_MINUTES), compares
eval-ablations: train-deps eval-avatar-data
	$(TRAIN) weights/eval/ablations.py $(DATASET) --voices $(EVAL_VOICES) --speech $(SPEECH_RUN) --head $(HEAD_RUN) \
	         --out $(ABLATION_OUT) --train --minutes $(ABLATION_MINUTES) --card $(CARD)
