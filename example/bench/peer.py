"""The server that `npm run bench -- example` compares with: the usual way to serve tools to a trainer in Python.

Written for this bench after the shape of the public samples: one FastAPI process, the pages in memory, a search that counts the
words of the query on every page, a key for all. It keeps no rollouts, records nothing, and answers a retry by running again.

Usage: python3 peer.py PORT PAGES KEY, where PAGES has one JSON object per line with the path and the text of a page.
"""

import json
import re
import sys
from typing import Any, Optional

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

port, pages_file, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(pages_file, encoding="utf-8") as lines:
    pages = {page["path"]: page["text"] for page in map(json.loads, lines)}
lowered = {path: text.lower() for path, text in pages.items()}

app = FastAPI()


class ToolCall(BaseModel):
    type: str
    id: Optional[str] = None
    call_id: str
    trace_id: Optional[str] = None
    name: str
    arguments: str
    item: Optional[dict[str, Any]] = None


def check(authorization: Optional[str]) -> None:
    if authorization != f"Bearer {key}":
        raise HTTPException(status_code=401, detail="a key is required")


def answer(call: ToolCall, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "id": call.id, "call_id": call.call_id, "output": output}


@app.post("/tools/cat")
async def cat(call: ToolCall, authorization: Optional[str] = Header(None)) -> dict[str, Any]:
    check(authorization)
    path = json.loads(call.arguments)["path"]
    return answer(call, pages.get(path, f"no page at {path}"))


@app.post("/tools/search")
async def search(call: ToolCall, authorization: Optional[str] = Header(None)) -> dict[str, Any]:
    check(authorization)
    words = set(re.findall(r"\w+", json.loads(call.arguments)["query"].lower()))
    scores = [(sum(text.count(word) for word in words), path) for path, text in lowered.items()]
    best = sorted(scores, key=lambda scored: -scored[0])[:10]
    lines = [f"{place}. {path}\n   {pages[path][:240]}" for place, (score, path) in enumerate(best, 1) if score > 0]
    return answer(call, "\n".join(lines))


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
