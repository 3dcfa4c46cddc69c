"""A reward function for TRL (`GRPOTrainer(reward_funcs=scorekeeper_reward)`): asks Scorekeeper at SCOREKEEPER_URL, by SCOREKEEPER_KEY.

The item is the column `item` of the dataset, otherwise all its columns, with the prompt as `messages`. An environment whose
tools ran here has the attribute `rollout_id`. A completion without a score gets None, which TRL leaves out of the training.
"""
import concurrent.futures, http.client, json, os, time, urllib.error, urllib.request, uuid

NOT_OF_THE_ROW = ("completion_ids", "trainer_state", "log_extra", "log_metric", "environments")


def scorekeeper_reward(prompts, completions, environments=None, tries=8, **columns):
    def reward(place):
        row = {name: column[place] for name, column in columns.items() if name not in NOT_OF_THE_ROW}
        prompt, completion = prompts[place], completions[place]
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        environment = environments[place] if environments else None
        rollout = getattr(environment, "rollout_id", None) or f"trl_{uuid.uuid4()}"
        return grade(text, row.get("item") or {"messages": messages, **row}, rollout, tries)

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return list(pool.map(reward, range(len(completions))))


def grade(text, item, rollout, tries):
    """The score, or None if there is none after all tries. Raises RuntimeError for a request that is refused."""
    body = {"sample": {"output_text": text}, "item": item, "trace_id": rollout}
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ.get("SCOREKEEPER_KEY", "")}
    url = os.environ["SCOREKEEPER_URL"].rstrip("/") + "/grade"
    request = urllib.request.Request(url, json.dumps(body, default=plain).encode(), headers)
    for attempt in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return json.load(answer)["score"]
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise RuntimeError(f"Scorekeeper refused to grade: {error.code} {error.read().decode()}") from None
        except (OSError, http.client.HTTPException):
            pass
        if attempt + 1 < tries:
            time.sleep(min(2**attempt, 30))
    return None


def plain(value):
    """A value of numpy as JSON has it, everything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
