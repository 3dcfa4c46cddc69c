"""The reward Lambda of Amazon Bedrock, SageMaker and Nova: forwards the samples to Scorekeeper at SCOREKEEPER_URL, by SCOREKEEPER_KEY.

If a sample has no score, it raises once its time is over: the batch fails, and no sample is trained on as a zero.
"""
import http.client, json, os, time, urllib.error, urllib.request


def lambda_handler(event, context):
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["SCOREKEEPER_KEY"]}
    url = os.environ["SCOREKEEPER_URL"].rstrip("/") + "/reward/aws"
    request = urllib.request.Request(url, json.dumps(event).encode(), headers)
    for attempt in range(1000):
        left = context.get_remaining_time_in_millis() / 1000 - 2
        try:
            with urllib.request.urlopen(request, timeout=max(left, 1)) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.read().decode(errors='replace')}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = repr(error)
        wait = min(2**attempt, 30)
        if wait > context.get_remaining_time_in_millis() / 1000 - 2:
            break
        time.sleep(wait)
    raise RuntimeError(f"Scorekeeper gave no rewards: {reason}")
