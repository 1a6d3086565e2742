"""The addresses of the live page."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from gmmhet.engine.errors import InputError
from gmmhet.engine.view.actions import ACTIONS, shown_path
from gmmhet.engine.view.columns import Columns
from gmmhet.engine.view.jobs import Jobs
from gmmhet.engine.view.page import page, policy
from gmmhet.engine.view.result import MADE, NotInsideError, ResultFolder
from gmmhet.engine.view.selected import selected_images
from gmmhet.engine.view.shapes import Shape, Shapes

__all__ = ["application"]

Handler = Callable[[Request], Awaitable[Response]]


def application(result: ResultFolder, token: str) -> Starlette:
    """The page and what it asks for; requests have passed the guard."""
    desk = _Desk(result, token)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        desk.jobs = Jobs(result)
        yield
        await desk.jobs.close()

    routes = [("/", desk.page, "GET"), ("/api/about", desk.about, "GET"), ("/api/points", desk.points, "GET"),
              ("/api/column", desk.column, "GET"), ("/api/gaussians", desk.gaussians, "GET"),
              ("/api/shape", desk.shape, "GET"), ("/api/volume", desk.volume, "GET"), ("/api/maps", desk.maps, "GET"),
              ("/api/file", desk.file, "GET"), ("/api/jobs", desk.list_jobs, "GET"), ("/api/job", desk.job, "POST"),
              ("/api/stop", desk.stop, "POST"), ("/api/selection", desk.selection, "POST")]
    return Starlette(routes=[Route(path, _careful(handler), methods=[method]) for path, handler, method in routes],
                     lifespan=lifespan)


def _careful(handler: Handler) -> Handler:
    """What is wrong with a request is told in one line."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except NotInsideError as error:
            return JSONResponse({"error": str(error)}, 404)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


class _Desk:
    """One method for each address."""

    def __init__(self, result: ResultFolder, token: str) -> None:
        self.result, self.token = result, token
        self.shapes, self.columns = Shapes(result.analysis), Columns(result)
        self.jobs: Jobs  # made where the loop runs

    async def page(self, request: Request) -> Response:
        nonce = policy()
        return HTMLResponse(page(self.result, self.token, nonce.name),
                            headers={"content-security-policy": nonce.policy})

    async def about(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._about))

    def _about(self) -> dict[str, Any]:
        analysis = self.result.analysis
        return {"name": self.result.root.name, "verdict": self.result.verdict, "count": len(analysis.coordinates),
                "unit": "subunits" if analysis.subunits > 1 else "particles", "modes": self.result.modes,
                "columns": self.columns.listed(), "view": self.shapes.view, "resolution": analysis.model.resolution,
                "cs": self.result.particles.suffix == ".cs", "folder": shown_path(self.result.root)}

    async def points(self, request: Request) -> Response:
        """[n, K] float32, one mode after the other."""
        return _packed({"modes": self.result.analysis.modes}, self.result.analysis.coordinates.T.astype(np.float32))

    async def column(self, request: Request) -> Response:
        found = await run_in_threadpool(self.columns.column, request.query_params.get("name", ""))
        return _packed(found.about(), found.values)

    async def gaussians(self, request: Request) -> Response:
        return _packed(*self.shapes.gaussians())

    async def shape(self, request: Request) -> Response:
        """The model at ?at=mode:coordinate,... (modes from 1); quick=1 on a coarser grid."""
        try:
            pairs = [part.split(":") for part in request.query_params.get("at", "").split(",") if part]
            given = {int(mode) - 1: float(value) for mode, value in pairs}
        except ValueError:
            raise InputError("expected at=mode:coordinate, with commas between") from None
        quick = request.query_params.get("quick") == "1"
        return _of_shape(await run_in_threadpool(lambda: self.shapes.at(given, quick=quick)))

    async def volume(self, request: Request) -> Response:
        """A map of the result; kind=resolution: of its local resolution."""
        path = self.result.inside(request.query_params.get("name", ""))
        if path.suffix != ".mrc":
            raise NotInsideError(f"{path.name} is no map")
        resolution = request.query_params.get("kind") == "resolution"
        read = self.shapes.resolution_of_file if resolution else self.shapes.of_file
        return _of_shape(await run_in_threadpool(read, path))

    async def maps(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._maps))

    def _maps(self) -> list[dict[str, Any]]:
        """Maps of reconstruct in this result: file, coordinates, particles, resolution, local resolution."""
        folders = [self.result.root / "maps", *sorted((self.result.root / MADE).glob("*/maps"))]
        return [entry for folder in folders for entry in self._maps_in(folder)]

    def _maps_in(self, folder: Path) -> list[dict[str, Any]]:
        if not folder.resolve().is_relative_to(self.result.root):
            return []
        summary = self.result.json("summary.json", folder)
        found = []
        for entry in summary.get("maps", []) if "by" in summary else []:
            path = folder / str(entry.get("file"))
            if path.is_file():
                local = folder / str(entry.get("local_resolution"))
                found.append({"file": self.result.name_of(path), "coordinates": entry.get("coordinates"),
                              "count": entry.get("n_particles"), "resolution": entry.get("resolution_fsc143"),
                              "local": self.result.name_of(local) if local.is_file() else None})
        return found

    async def file(self, request: Request) -> Response:
        path = self.result.inside(request.query_params.get("name", ""))
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    async def list_jobs(self, request: Request) -> Response:
        return JSONResponse(self.jobs.listed())

    async def job(self, request: Request) -> Response:
        asked = await _asked(request)
        action = ACTIONS.get(str(asked.get("action")))
        if action is None:
            raise InputError(f"action is {str(asked.get('action'))[:40]!r}; expected {', '.join(ACTIONS)}")
        work = await run_in_threadpool(action, self.result, asked)
        return JSONResponse(self.jobs.told(self.jobs.start(work)))

    async def stop(self, request: Request) -> Response:
        number = (await _asked(request)).get("number")
        if type(number) is not int:
            raise InputError(f"number is {str(number)[:40]!r}; expected that of a job")
        self.jobs.stop(number)
        return JSONResponse(self.jobs.listed())

    async def selection(self, request: Request) -> Response:
        ids = (await _asked(request)).get("ids")
        if not isinstance(ids, list) or not all(type(i) is int for i in ids):
            raise InputError("expected row numbers")
        return _packed(*await run_in_threadpool(lambda: selected_images(self.result.images, ids)))


async def _asked(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError("expected a JSON object")
    return found


def _of_shape(shape: Shape) -> Response:
    return _packed(shape.about, shape.volume)


def _packed(about: dict[str, Any], values: NDArray[Any]) -> Response:
    """Length of the description (4 bytes), the description as JSON, padded to 4 bytes, and the numbers as they are."""
    text = json.dumps(about, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    data = len(text).to_bytes(4, "little") + text + np.ascontiguousarray(values).tobytes()
    return Response(data, media_type="application/octet-stream")
