"""A server with both OpenAI interfaces that thinks aloud without memory, for tests that kill it: ``… PORT``."""

import asyncio
import json
import random
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

PAUSE = 0.002
END = 0.03
"""Chance that a branch comes to its answer at a word."""

running = {"now": 0, "most": 0, "asked": 0}


def words(asked):
    if asked.get("temperature") == 0 and "prompt" in asked:
        return [f"{random.choice([42, 42, 41])}}}"]
    said = []
    for _ in range(asked.get("max_tokens", 50)):
        if random.random() < END:
            return [*said, f" The answer is {random.choice([42, 42, 42, 41])}."]
        said.append(" step")
    return said


async def thought(asked):
    running["now"] += 1
    running["asked"] += 1
    running["most"] = max(running["most"], running["now"])
    try:
        said = words(asked)
        for place, word in enumerate(said):
            await asyncio.sleep(PAUSE)
            ends = not word.endswith(" step")
            reason = ("stop" if ends else "length") if place == len(said) - 1 else None
            yield f"data: {json.dumps({'choices': [{'index': 0, 'text': word, 'finish_reason': reason}]})}\n\n"
        yield "data: [DONE]\n\n"
    finally:
        running["now"] -= 1


async def completions(request):
    return StreamingResponse(thought(await request.json()), media_type="text/event-stream")


async def chat(request):
    message = {"role": "assistant", "content": "A plain sample."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return JSONResponse({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})


async def told(request):
    return JSONResponse(running)


async def models(request):
    return JSONResponse({"data": [{"id": "m"}]})


if __name__ == "__main__":
    routes = [
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", told),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
