"""The server that `npm run bench -- example` compares with: the usual way to serve tools to a trainer in Python.

Written for this bench after the shape of the public samples: one FastAPI process, the pages in memory, a search that counts the
words of the query on every page, a key for all, and handlers that are plain functions, as in FastAPI's tutorial, so that a
search does not hold up other calls. It keeps no rollouts, records nothing, and answers a retry by running again.

Usage: python3 peer.py PORT PAGES KEY, where PAGES has one JSON object per line with the path and the text of a page.
"""

import json
import re
import sys
from typing import Any, Optional

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
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


class ToolOutput(BaseModel):
    type: str = "function_call_output"
    id: Optional[str] = None
    call_id: str
    output: str


def check(credentials: HTTPAuthorizationCredentials = Depends(HTTPBearer())) -> None:
    if credentials.credentials != key:
        raise HTTPException(status_code=401, detail="the key is not valid")


@app.post("/tools/cat", response_model=ToolOutput, dependencies=[Depends(check)])
def cat(call: ToolCall) -> ToolOutput:
    path = json.loads(call.arguments)["path"]
    return ToolOutput(id=call.id, call_id=call.call_id, output=pages.get(path, f"no page at {path}"))


@app.post("/tools/search", response_model=ToolOutput, dependencies=[Depends(check)])
def search(call: ToolCall) -> ToolOutput:
    words = set(re.findall(r"\w+", json.loads(call.arguments)["query"].lower()))
    scores = [(sum(text.count(word) for word in words), path) for path, text in lowered.items()]
    best = sorted(scores, key=lambda scored: -scored[0])[:10]
    lines = [f"{place}. {path}\n   {pages[path][:240]}" for place, (score, path) in enumerate(best, 1) if score > 0]
    return ToolOutput(id=call.id, call_id=call.call_id, output="\n".join(lines))


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
