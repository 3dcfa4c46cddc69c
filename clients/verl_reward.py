"""The reward function of verl, as `reward.custom_reward_function.path`: asks Scorekeeper at SCOREKEEPER_URL, by SCOREKEEPER_KEY.

The item is `extra_info["item"]`, a dict or its JSON text; without it, `{"reference_answer": ground_truth}`. Tools that ran
here set `extra_info["trace_id"]`. verl has no rollout without a score: with `no_score="stop"` this raises, which stops the
job under verl's default reward manager; with "mark" it returns 0.0, which verl trains on unless you filter by `no_score`.
"""
import http.client, json, os, time, urllib.error, urllib.request, uuid


def compute_score(data_source, solution_str, ground_truth, extra_info=None, no_score="stop", tries=8, **_):
    info = extra_info or {}
    item = info.get("item") or {"reference_answer": ground_truth}
    item = json.loads(item) if isinstance(item, str) else item
    rollout = info.get("trace_id") or f"verl_{uuid.uuid4()}"
    try:
        return {"score": grade(solution_str, item, rollout, tries), "no_score": 0.0}
    except ConnectionError:
        if no_score != "mark":
            raise
        return {"score": 0.0, "no_score": 1.0}


def grade(text, item, rollout, tries):
    """The score. Raises ConnectionError if there is none after all tries, RuntimeError for a request that is refused."""
    body = {"sample": {"output_text": text}, "item": item, "trace_id": rollout}
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ.get("SCOREKEEPER_KEY", "")}
    url = os.environ["SCOREKEEPER_URL"].rstrip("/") + "/grade"
    request = urllib.request.Request(url, json.dumps(body, default=plain).encode(), headers)
    for attempt in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)["score"]
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.read().decode(errors='replace')}"
            if error.code < 500 and error.code != 429:
                raise RuntimeError(f"Scorekeeper refused to grade: {reason}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = repr(error)
        if attempt + 1 < tries:
            time.sleep(min(2**attempt, 30))
    raise ConnectionError(f"Scorekeeper gave no score in {tries} tries: {reason}")


def plain(value):
    """A value of numpy as JSON has it, everything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
