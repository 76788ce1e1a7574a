"""The tables of eval_avatar.py in Markdown, and which targets are met."""

import model_card
from motion import HEAD

TITLES = {"own": "performers' own", "own-coded": "... through the codec", "trained": "trained voices",
          "untrained": "voices never heard", "recorded": "recorded speakers never heard", "long": "without an end",
          "whole": "... by PyTorch"}
QUIET_TITLES = {"silence": "silence", "noise": "noise", "music": "music", "distant": "a distant talker"}

# Rows of the first table: title, key, factor, digits.
LIPS = (
    ("mouth opening, r with the truth, mean of the clips", "r", 1, 3), ("... of the lowest clip", "r_lowest", 1, 3),
    ("... in frames with speech only", "r_speaking", 1, 3), ("lips behind the sound, frames", "delay", 1, 2),
    ("... clips within one frame, %", "delay_within", 100, 0), ("/p b m/ read shut, %", "closed", 100, 1),
    ("open vowels read shut, %", "wide_closed", 100, 1), ("deviation of the opening, share of the truth's", "amplitude", 1, 2),
)
READERS = {"probe": "by the probe", "encoder": "by the encoder"}
WHOLE = (
    ("cycle error, spreads of latents", "mean", 1, 3), ("... of the worst frame", "worst", 1, 3),
    ("... mean, times that of true latents", "ratio", 1, 2),
    ("... worst frame, times the mean of true latents", "worst_ratio", 1, 2),
    ("... frames above four times, %", "above_four", 100, 2),
)
OUTSIDE = (
    ("outside reader: faces found, %", "found", 100, 1), ("... detector's score", "score", 1, 3),
    ("... as a share of the performers' own", "score_ratio", 1, 3), ("... mouth gap, r with the truth", "r", 1, 3),
    ("... neutral or happy while talking, %", "neutral_or_happy", 100, 1),
)


def cell(value, factor=1, digits=2):
    return "" if value is None else f"{factor * value:.{digits}f}"


def rows(lines, columns, values):
    """A row for each line; values[column] is a dictionary, or None."""
    return [[title] + [cell((values.get(c) or {}).get(key), factor, digits) for c in columns]
            for title, key, factor, digits in lines]


def main_table(result):
    columns = [c for c in TITLES if c in result["lips"]["probe"]]
    lips, whole = result["lips"]["probe"], result["whole"]
    head = ["held-out speech"] + [TITLES[c] for c in columns]
    body = [["clips (voices)"] + [f"{lips[c]['clips']} ({lips[c]['voices']})" for c in columns],
            ["frames read"] + [str(lips[c]["frames"]) for c in columns]]
    for reader, by in READERS.items():
        lines = [("... " + title.removeprefix("... "), *rest) for title, *rest in LIPS]
        lines[0] = (f"{by}: {LIPS[0][0]}", *LIPS[0][1:])
        body += rows(lines, columns, result["lips"][reader])
    body += rows(WHOLE, columns, whole)
    for title, key in (("landmarks' acceleration at windows' borders, times elsewhere", "landmarks"),
                       ("... of pixels", "pixels")):
        body.append([title] + [cell(result["borders"][c][key]) for c in columns])
    body.append(["likeness to the portrait, cosine"] + [cell(result["identity"][c], 1, 3) for c in columns])
    return model_card.table(head, body + (rows(OUTSIDE, columns, result["outside"]) if result["outside"] else []))


def quiet_table(result):
    values = result["quiet"]["probe"]
    columns = [c for c in QUIET_TITLES if c in values]
    head = ["the avatar is silent, and heard is"] + [QUIET_TITLES[c] for c in columns]
    body = [["clips, frames"] + [f"{values[c]['clips']}, {values[c]['frames']}" for c in columns]]
    for reader, by in READERS.items():
        lines = ((f"mouth within a tenth of its range, % of frames, {by}", "shut", 100, 1),
                 ("... worst clip", "shut_worst", 100, 1))
        body += rows(lines, columns, result["quiet"][reader])
    return model_card.table(head, body)


def heads_table(result):
    """Spread and speed are in hundredths: of the eyes' distance, or of a radian."""
    columns = [c for c in (*TITLES, *QUIET_TITLES) if c in result["heads"]]
    values = result["heads"]
    head = ["heads, read from landmarks"] + [{**TITLES, **QUIET_TITLES}[c] for c in columns]
    body = []
    for what, title in (("spread", "deviation"), ("speed", "change a frame")):
        for i, name in enumerate(HEAD):
            body.append([f"{title}, {name}, hundredths"] + [cell(values[c][what][i], 100, 2) for c in columns])
    body += rows((("nods a minute", "nods", 1, 1), ("blinks a minute", "blinks", 1, 1), ("minutes", "minutes", 1, 1)),
                 columns, values)
    return model_card.table(head, body)


def steady_table(steady):
    head = [f"{steady['minutes']:.0f} minutes without an end", "first minute", "change to the last", "worst minute"]
    body = []
    for title, key, digits in (("background against the portrait, PSNR, dB", "background", 2),
                               ("likeness to the portrait, cosine", "identity", 3)):
        of = steady[key]
        body.append([title, cell(of["first"], 1, digits), f"{of['drift']:+.{digits}f}", cell(of["worst_minute"], 1, digits)])
    body.append(["colour of the face, steps of 255", "", cell(steady["colour_drift"]), cell(steady["colour_between_minutes"])])
    return model_card.table(head, body)


# ---- targets -----------------------------------------------------------------------------------------------------------


def checks(result):
    """(what, value, target, met) of everything that was measured."""
    outside, out = result["outside"], []

    def add(what, value, least=None, most=None, factor=1, digits=3):
        if value is not None:
            met = value >= least if most is None else value <= most
            bound = f"at least {factor * least:g}" if most is None else f"at most {factor * most:g}"
            out.append((what, f"{factor * value:.{digits}f}", bound, met))

    for part, least, by_outside in (("trained", 0.92, 0.90), ("untrained", 0.80, 0.75), ("recorded", 0.75, None)):
        seen = outside.get(part, {})
        for reader, by in READERS.items():
            of = result["lips"][reader].get(part, {})
            add(f"lips, {TITLES[part]}, r {by}", of.get("r"), least)
            if by_outside:
                add(f"delay, {TITLES[part]}, frames, {by}", abs(of["delay"]) if of else None, most=1, digits=2)
                add(f"/p b m/ shut, {TITLES[part]}, %, {by}", of.get("closed"), 0.90, factor=100, digits=1)
        if by_outside:
            add(f"lips, {TITLES[part]}, r by the outside reader", seen.get("r"), by_outside)
        add(f"faces found, {TITLES[part]}, %", seen.get("found"), 0.995, factor=100, digits=1)
        add(f"score, {TITLES[part]}, share of the performers' own", seen.get("score_ratio"), 0.95)
        add(f"neutral or happy, {TITLES[part]}, %", seen.get("neutral_or_happy"), 0.80, factor=100, digits=1)
    for part, least in (("silence", 0.99), ("noise", 0.98), ("music", 0.98), ("distant", 0.98)):
        for reader, by in READERS.items():
            of = result["quiet"][reader].get(part, {})
            add(f"mouth shut, {QUIET_TITLES[part]}, %, {by}", of.get("shut"), least, factor=100, digits=1)
    for part in ("trained", "untrained", "long", "whole"):
        whole, border = result["whole"].get(part) or {}, result["borders"].get(part, {})
        add(f"cycle error, {TITLES[part]}, times true", whole.get("ratio"), most=2, digits=2)
        add(f"... worst frame, {TITLES[part]}", whole.get("worst_ratio"), most=4, digits=2)
        add(f"acceleration at borders, {TITLES[part]}, times elsewhere", border.get("landmarks"), most=1.2, digits=2)
    return out


def verdicts(result):
    return "\n".join(f"- {what}: {value}; the target is {target}: {'met' if met else '**not met**'}."
                     for what, value, target, met in checks(result))


def facts(result):
    scales, true = {reader: result["calibration"][reader]["all"] for reader in READERS}, result["true_cycle"]
    made = "`visavis render`" if result["frames_by"] == "visavis" else f"PyTorch, {result['steps']} steps"
    told = " ".join(
        f"{by.capitalize()} that is {10 * scales[reader]['threshold']:.1f} mm for all characters together, "
        f"{100 * scales[reader]['right']:.1f} % right; of performers' frames with truly shut lips "
        f"{100 * result['resting'][reader]:.1f} % are read within a tenth of the range." for reader, by in READERS.items())
    return (f"Frames by {made}. Lips count as shut below what best separates, in performers' own frames, gaps under 0.2 mm "
            f"from gaps over 1.5 mm. {told} The cycle error of true latents is {true['mean']:.3f}, {true['worst']:.3f} in the "
            f"worst of {true['frames']} frames.")


def report(result):
    parts = [main_table(result)]
    if result["quiet"]["probe"]:
        parts.append(quiet_table(result))
    if "steady" in result:
        parts.append(steady_table(result["steady"]))
    parts += [heads_table(result), verdicts(result), facts(result)]
    return "\n\n".join(parts)
