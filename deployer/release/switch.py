"""Serves the newest whole release of this site. Written by `deployer`: changes made here are lost.

The web server imports this file in each of its workers, at every reload. It looks into the record which release
is wanted. If that one is not there yet, it is built from the archive that was uploaded and from the release it
is based on, checked file by file, and put in its place by one rename; then its own WSGI file is imported, and
only then `current` is pointed at it. Whatever goes wrong on the way is written into the report, and the release
that was live is served as before: nothing that is half there, or broken, takes its place.

    <target>/releases/<id>    one directory for each release, never changed afterwards; beside it the path of
                              its WSGI file, and how much it holds
    <target>/current          a link to the one that is live
    <target>/shared           what the site itself writes, linked into each release
    <record>/manifest.json    what is wanted, written by the deployer
    <record>/incoming         archives
    <record>/report.json      what came of it, written here

It needs the standard library of Python 3.6 or newer; no network, no console, no other process. Nothing in an
archive chooses where it is written: members are named by their digests, paths come from the list, and each path
is checked before it is used.
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib.machinery
import json
import os
import shutil
import stat
import sys
import time
import traceback
import zipfile
import zlib

TARGET = "@TARGET@"
RECORD = "@RECORD@"

RELEASES = TARGET + "/releases"
CURRENT = TARGET + "/current"
SHARED = TARGET + "/shared"
INCOMING = RECORD + "/incoming"
PATIENCE_S = 8.0  # for the platform's storage to show what was uploaded; a reload has 20 s in all
RECORD_PATIENCE_S = 2.0  # for a record that is just being written
CLEARING_S = 3.0  # for removing what the site was before its releases; the next start goes on with the rest
TURN_S = 15.0  # for another worker that builds just now
STALE_S = 900.0  # what nobody has touched for so long is a build that was cut off
PIECE = 1 << 20
LIST = "release.json"  # in the first archive: what the release consists of
MARK = "%d-%s" % (os.getpid(), os.urandom(4).hex())  # in names that no other worker may have
ID_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-")

sys.dont_write_bytecode = True  # a release holds what its commit holds, and nothing else


class Unfit(Exception):
    """The wanted release cannot be served. `kind` is for the deployer, the text for a person."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


# What is wanted


def read_record():
    """The deployer's record; None when there is none that can be read: it may be half written, or hidden by the
    platform's storage while it is replaced.
    """
    last = time.time() + RECORD_PATIENCE_S
    while True:
        try:
            with open(RECORD + "/manifest.json", encoding="utf-8") as file:
                record = json.load(file)
            return record if isinstance(record, dict) else None
        except (IOError, ValueError):
            if time.time() > last:
                return None
            time.sleep(0.05)


def order_of(record):
    """What shall be served: by a deployment that is under way, else as was recorded last; None: not said.

    A deployment that has commands of the site's to run first holds its order back until they have been run.
    """
    orders = [part.get("release") for part in ((record or {}).get("pending"), record) if part]
    orders = [checked_order(each) for each in orders if each]
    served = [each for each in orders if not each.get("held")]
    return (served or orders or [None])[0]


def checked_order(order):
    if not is_id(order.get("id")):
        raise Unfit("order", "the record names no release that could be one: %r" % (order.get("id"),))
    return order


def is_id(text):
    """Whether this can be the name of a release: no slash, no dot, nothing that leads elsewhere."""
    return isinstance(text, str) and 0 < len(text) <= 100 and ID_CHARACTERS.issuperset(text)


def live_release():
    """The id of the release that `current` points at; None when it points at none that is there."""
    try:
        name = os.path.basename(os.readlink(CURRENT))
    except OSError:
        return None
    return name if is_id(name) and os.path.isdir(place_of(name)) else None


def place_of(release):
    return RELEASES + "/" + release


# Building


def build(order):
    """Make the release's directory, whole or not at all. Raises Unfit, OSError."""
    os.makedirs(RELEASES, exist_ok=True)
    archives = wait_for_archives(order.get("archives") or ())
    try:
        wanted = read_list(archives)
        work = "%s/.building-%s-%s" % (RELEASES, order["id"], MARK)
        os.mkdir(work)
        try:
            size = fill(work, wanted, archives, order.get("base"))
            share(work, order["id"], wanted["shared"])
            os.chmod(work, 0o755)
            remember(order["id"], "about", json.dumps(size))
            remember(order["id"], "wsgi", order["wsgi"])
            os.rename(work, place_of(order["id"]))
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or not os.path.isdir(place_of(order["id"])):
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)  # another worker was quicker, or something went wrong
    finally:
        for archive in archives:
            archive.close()


def remember(release, what, text):
    """Beside the release: to serve it again must not depend on a record, which may be half written then."""
    scratch = "%s/.%s-%s-%s" % (RELEASES, what, release, MARK)
    with open(scratch, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(scratch, "%s.%s" % (place_of(release), what))


def remembered_wsgi(release):
    with open(place_of(release) + ".wsgi", encoding="utf-8") as file:
        return checked_wsgi(file.read())


def size_of(release):
    """What was counted when it was built; None where nothing was."""
    try:
        with open(place_of(release) + ".about", encoding="utf-8") as file:
            return json.load(file)
    except (IOError, ValueError):
        return None


def wait_for_archives(wanted):
    """Open them. The platform's storage may show the record before it shows what was uploaded before that."""
    if not wanted:
        raise Unfit("no-archive", "the release is not there, and no archive of it is named")
    last = time.time() + PATIENCE_S
    opened = []
    for each in wanted:
        path = INCOMING + "/" + checked_name(each["name"])
        while not is_whole(path, each):
            if time.time() > last:
                raise Unfit("no-archive", "%s is not there as it was sent (%d bytes)" % (path, each["size"]))
            time.sleep(0.1)
        try:
            opened.append(zipfile.ZipFile(path))
        except zipfile.BadZipFile as error:
            raise Unfit("damaged", "%s: %s" % (path, error))
    return opened


def is_whole(path, wanted):
    try:
        if os.path.getsize(path) != wanted["size"]:
            return False
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == wanted["sha256"]


def read_list(archives):
    """Raises Unfit unless it has every key that is used below, with a value of its kind."""
    try:
        wanted = json.loads(archives[0].read(LIST).decode("utf-8"))
        files = [(path, digest, int(mode), source) for path, digest, mode, source in wanted["files"]]
        links = [(path, goal + "") for path, goal in wanted["links"]]
        return {"files": files, "links": links, "shared": [path + "" for path in wanted["shared"]]}
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise Unfit("damaged", "the archive has no list of a release: %s" % error)


def fill(work, wanted, archives, base):
    """Write every file and link of the list below `work`. Returns how much that is, and how much of it is new:
    what is a hard link takes no room of its own.
    """
    size = {"at": time.time(), "files": len(wanted["files"]), "bytes": 0, "adds": 0}
    members = {}
    for archive in archives:
        for name in archive.namelist():
            members[name] = archive
    made = set()
    for path, digest, mode, source in wanted["files"]:
        place = place_below(work, path, made)
        if digest in members:
            unpack(members[digest], digest, place)
            os.chmod(place, mode)
        elif base and is_id(base):
            reuse("%s/%s" % (place_of(base), checked_path(source or path)), digest, mode, place)
        else:
            raise Unfit("damaged", "%s is neither in the archive nor in a release before" % path)
        about = os.lstat(place)
        size["bytes"] += about.st_size
        size["adds"] += about.st_size if about.st_nlink == 1 else 0
    for path, goal in wanted["links"]:  # last, so that no file is ever written through one
        leads = os.path.normpath(os.path.join(os.path.dirname(path), goal))
        if os.path.isabs(goal) or leads == ".." or leads.startswith("../"):
            raise Unfit("damaged", "%s would be a link to %s, outside of the release" % (path, goal))
        os.symlink(goal, place_below(work, path, made))
    return size


def place_below(work, path, made):
    """Where a listed path goes, with its directories made. Nothing but this function makes directories."""
    directory = os.path.dirname(checked_path(path))
    if directory and directory not in made:
        os.makedirs("%s/%s" % (work, directory), exist_ok=True)
        made.add(directory)
    return "%s/%s" % (work, path)


def checked_path(path):
    parts = path.split("/") if isinstance(path, str) and "\0" not in path else [""]
    if any(part in ("", ".", "..") for part in parts):
        raise Unfit("damaged", "the list names %r, which is no path within a release" % (path,))
    return path


def checked_wsgi(path):
    """Empty for a site that has no application."""
    return path if path == "" else checked_path(path)


def checked_name(name):
    if not isinstance(name, str) or "/" in name or name.startswith(".") or "\0" in name:
        raise Unfit("order", "%r is no name of an archive" % (name,))
    return name


def unpack(archive, digest, place):
    try:
        size = archive.getinfo(digest).file_size
        with archive.open(digest) as source, open(place, "xb") as file:
            found = copy(source, file, size, digest)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise Unfit("damaged", "the archive is damaged: %s" % error)
    if found != digest:
        raise Unfit("damaged", "a member of the archive is not what it is named after: %s" % digest)


def reuse(before, digest, mode, place):
    """A file of the release before, which is still what it was: a hard link, or a copy where that fails."""
    try:
        kept = os.lstat(before)
        if not stat.S_ISREG(kept.st_mode):
            raise Unfit("base", "%s is not a file any more" % before)
        with open(before, "rb") as file:
            found = copy(file, None, kept.st_size, digest)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            raise Unfit("base", "%s: %s" % (before, error.strerror))
        raise
    if found != digest:
        raise Unfit("base", "%s was changed on the server" % before)
    if stat.S_IMODE(kept.st_mode) == mode:
        try:
            os.link(before, place)
            return
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
    with open(before, "rb") as source, open(place, "xb") as file:
        if copy(source, file, kept.st_size, digest) != digest:
            raise Unfit("base", "%s was changed on the server" % before)
    os.chmod(place, mode)


def copy(source, file, size, like):
    """Copy to `file`, where there is one. Returns git's digest of what was read (SHA-1, or SHA-256 like it)."""
    digest = (hashlib.sha256 if len(like) == 64 else hashlib.sha1)(b"blob %d\0" % size)
    for piece in iter(lambda: source.read(PIECE), b""):
        digest.update(piece)
        if file is not None:
            file.write(piece)
    return digest.hexdigest()


def share(work, release, paths):
    """Link what the site itself writes. What it wrote before it had releases is taken over, once.

    The way without releases leads there, too: for the version that still runs, and for one that has none again.
    """
    for path in paths:
        name = checked_path(path.rstrip("/"))
        kept, flat = "%s/%s" % (SHARED, name), "%s/%s" % (TARGET, name)
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        if os.path.exists(flat) and not os.path.islink(flat):
            take_over(flat, kept)
        if path.endswith("/"):
            os.makedirs(kept, exist_ok=True)
        if not os.path.lexists(flat):
            os.makedirs(os.path.dirname(flat), exist_ok=True)
            link_to(kept, flat, flat)
        place = place_below(work, name, set())
        if os.path.lexists(place):
            raise Unfit("damaged", "%s is shared, so no commit can ship it" % path)
        link_to(kept, place, "%s/%s" % (place_of(release), name))


def take_over(flat, kept):
    """Once, whoever else may be at it: another worker, or one that was killed in the middle.

    A file has both names before the old one becomes the way to the new one. It is never renamed, since in the
    wrong moment what is renamed would be that way, over the file itself.
    """
    try:
        if os.path.isdir(flat):
            if not os.path.lexists(kept):
                os.rename(flat, kept)
            return
        os.link(flat, kept)
    except OSError:
        if not os.path.lexists(kept):
            raise
    if os.path.samefile(flat, kept):
        goal = os.path.relpath(kept, os.path.dirname(flat))
        replace_by_link(goal, flat, "%s.way-%s" % (flat, MARK))


def link_to(kept, place, final):
    """A relative link, as it has to read where it will be in the end; two workers may make the same."""
    try:
        os.symlink(os.path.relpath(kept, os.path.dirname(final)), place)
    except FileExistsError:
        pass


# Handing over


@contextlib.contextmanager
def undone_on_failure():
    """What raises within leaves this process as it was before: no module of one release is met by another.

    But for what was read from binary files: such a module can be there once in a process.
    """
    modules, search, environment = dict(sys.modules), list(sys.path), dict(os.environ)
    try:
        before = os.getcwd()
    except OSError:  # it was removed
        before = TARGET
    try:
        yield
    except BaseException:
        for name, module in list(sys.modules.items()):
            loader = getattr(module, "__loader__", None)
            if name not in modules and not isinstance(loader, importlib.machinery.ExtensionFileLoader):
                del sys.modules[name]
        sys.modules.update(modules)
        sys.path[:] = search
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(before)
        raise


def hand_over(directory, wsgi):
    """Import the application's own WSGI file. Raises whatever that raises."""
    if not wsgi:
        return nothing_here
    os.chdir(directory)
    sys.path.insert(0, directory)
    path = "%s/%s" % (directory, wsgi)
    return application_in(path, path)


def application_in(path, shown):
    """`shown` is where the file is as far as it can tell."""
    with open(path, "rb") as file:
        source = file.read()
    names = {"__name__": __name__, "__file__": shown, "__builtins__": __builtins__}
    exec(compile(source, path, "exec"), names)
    return names["application"]


def nothing_here(environ, start_response):
    """The application of a site that has none: the platform serves its files, and asks for what is not there."""
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"There is no such page here.\n"]


def point_current_at(release):
    """One rename: whoever follows the link finds the old release or the new one."""
    replace_by_link("releases/" + release, CURRENT, "%s/.current-%s" % (TARGET, MARK))


def replace_by_link(goal, place, scratch):
    os.symlink(goal, scratch)
    try:
        os.rename(scratch, place)
    except OSError:
        os.unlink(scratch)
        raise


def tidy(order, ordered):
    """Remove releases that nobody will go back to, archives that are unpacked, builds that were cut off.

    `ordered` may be a release that is built and not served yet. So may any other that is newer than the one
    that is served, when this process was started with a record from before.
    """
    kept = set(order.get("kept") or ()) | {order["id"], (ordered or order)["id"], live_release()}
    now, built = time.time(), os.lstat(place_of(order["id"])).st_mtime
    for name in os.listdir(RELEASES):
        path = place_of(name)
        ours = is_id(name) and os.path.exists(path + ".wsgi")
        if not ours and not name.startswith("."):
            continue
        made = os.lstat(path).st_mtime
        gone = now - made > STALE_S or (ours and made <= built)
        if ours:
            gone = gone and order.get("kept") is not None and name not in kept
        if gone:
            doomed = path if name.startswith(".") else "%s/.gone-%s-%s" % (RELEASES, name, MARK)
            if doomed != path:
                os.rename(path, doomed)  # it goes at once, however long the rest takes
                for beside in (path + ".wsgi", path + ".about"):
                    if os.path.exists(beside):
                        os.unlink(beside)
            if os.path.isdir(doomed):
                shutil.rmtree(doomed, ignore_errors=True)
            else:
                os.unlink(doomed)
    for name in os.listdir(TARGET):
        if name.startswith(".current-") and now - os.lstat(TARGET + "/" + name).st_mtime > STALE_S:
            os.unlink(TARGET + "/" + name)
    for name in os.listdir(INCOMING) if os.path.isdir(INCOMING) else ():
        if not name.startswith(order["id"]) and now - os.lstat(INCOMING + "/" + name).st_mtime > STALE_S:
            os.unlink(INCOMING + "/" + name)


def clear_flat(record):
    """Remove the files that the site was before its releases, once another release follows one that was live.

    Only what is as it was recorded, and never through a link: what is shared is reached through one. Then the
    bytecode of what went, and the folders that this leaves empty. Returns how many files are still to be looked
    at, and the names of those that were changed, which stay; None where nothing is to be removed.
    """
    flat = record.get("flat")
    ordered = (record.get("pending") or {}).get("release")
    if not flat or not record.get("release") or not ordered or ordered.get("held"):
        return None
    last, root = time.time() + CLEARING_S, os.path.realpath(TARGET)
    left, changed, cleared = len(flat), [], {}
    for path in sorted(flat):
        if time.time() > last:
            break
        left -= 1
        folder, name = os.path.split("%s/%s" % (root, checked_path(path)))
        if os.path.realpath(folder) != folder or folder.startswith(RELEASES + "/"):
            continue
        try:
            size = os.lstat(folder + "/" + name).st_size
            if os.path.islink(folder + "/" + name):
                continue
            with open(folder + "/" + name, "rb") as file:
                same = copy(file, None, size, flat[path][0]) == flat[path][0]
            if same:
                os.unlink(folder + "/" + name)
                cleared.setdefault(folder, set()).add(name)
            else:
                changed.append(path)
        except OSError:  # gone already, or a folder now
            cleared.setdefault(folder, set())
    for folder in sorted(cleared, key=len, reverse=True):
        remove_bytecode(folder + "/__pycache__", cleared[folder])
        while folder != root and remove_empty(folder):
            folder = os.path.dirname(folder)
    return {"left": left, "changed": changed}


def remove_bytecode(folder, sources):
    try:
        for name in os.listdir(folder):
            if name.endswith(".pyc") and name.split(".")[0] + ".py" in sources:
                os.unlink(folder + "/" + name)
    except OSError:
        return
    remove_empty(folder)


def remove_empty(folder):
    """Whether it was empty, and is gone."""
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def report(serving, order, error=None, flat=None):
    """What came of it, for the deployer to read. A disk that is full must not keep the site from working."""
    about = {"release": serving, "pid": os.getpid(), "at": time.time(), "python": sys.version.split()[0]}
    if error is not None:
        about["error"] = described(error)
    path = RECORD + "/report.json"
    try:
        try:
            with open(path, encoding="utf-8") as file:
                said = json.load(file)
        except (IOError, ValueError):
            said = {}
        about_order = {key: order.get(key) if order else None for key in ("deployment", "probe", "held")}
        same = all(said.get(key) == value for key, value in about_order.items())
        workers = [each for each in said.get("workers", ()) if same and each.get("pid") != os.getpid()]
        said = {
            "format": 1,
            "wanted": order["id"] if order else None,
            "current": live_release(),
            "releases": {name: size_of(name) for name in sorted(os.listdir(RELEASES)) if is_id(name)},
            "flat": flat,
            "workers": workers[-15:] + [about],
        }
        said.update(about_order)
        scratch = "%s.%s" % (path, MARK)
        with open(scratch, "w", encoding="utf-8") as file:
            json.dump(said, file)
        os.rename(scratch, path)
    except OSError:
        pass


def described(error):
    kind = error.kind if isinstance(error, Unfit) else "disk-full" if is_full(error) else "import"
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"kind": kind, "text": str(error) or type(error).__name__, "traceback": text[-4000:]}


def is_full(error):
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def build_where_missing(order):
    """Raises Unfit, and OSError where there is no room."""
    if os.path.isdir(place_of(order["id"])):
        return
    with one_at_a_time():
        if os.path.isdir(place_of(order["id"])):  # another worker has built it meanwhile
            return
        try:
            build(order)
        except (OSError, Unfit) as error:
            if os.path.isdir(place_of(order["id"])):  # it did not wait for us, and what we built from is gone
                return
            if isinstance(error, Unfit) or is_full(error):
                raise
            raise Unfit("storage", str(error))


@contextlib.contextmanager
def one_at_a_time():
    """Workers that built at once would need the room twice. It is no more than a courtesy: what does not come
    in time, or on a file system without locks, is not waited for.
    """
    try:
        file = open(RECORD + "/switch.lock", "a")
    except OSError:
        yield
        return
    last = time.time() + TURN_S
    with file:
        while time.time() < last:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                break
        yield


def serve_wanted(order, before):
    """The application of the wanted release, built where it is missing. Raises whatever is wrong with it."""
    if order.get("held"):
        raise Unfit("held", "it waits for commands that are to be run first")
    build_where_missing(order)
    with undone_on_failure():
        application = hand_over(place_of(order["id"]), checked_wsgi(order["wsgi"]))
        if order["id"] != before:
            point_current_at(order["id"])
    return application


def serve_live(order, before, error):
    """The application that was live before. Where there was none, the error is all there is to show."""
    if order is not None and order.get("former"):  # the site without releases, in this file's place
        return application_in(RECORD + "/" + checked_name(order["former"]), __file__)
    if before is not None and (order is None or before != order["id"]):
        return hand_over(place_of(before), remembered_wsgi(before))
    raise error


def telling(application, serving, order, flat=None):
    """The application, which also tells the deployer which release answers, at an address nobody can guess."""
    probe = order.get("probe") if order else None
    if not probe:
        return application
    said = {"release": serving, "pid": os.getpid()}
    if flat is not None:
        said["flat"] = {"left": flat["left"], "changed": len(flat["changed"])}
    body = json.dumps(said).encode("ascii")

    def respond(environ, start_response):
        if environ.get("PATH_INFO") != probe:
            return application(environ, start_response)
        kind = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("200 OK", kind + [("Cache-Control", "no-store")])
        return [body]

    return respond


def serve():
    """Decide, import, report. Raises what the application raised, where there is nothing else to serve."""
    before, record, order, flat = live_release(), None, None, None
    try:
        record = read_record()
        order = order_of(record)
        if order is None:
            raise Unfit("order", "nothing is recorded that could be served")
        application, serving = serve_wanted(order, before), order["id"]
    except BaseException as error:
        print("deployer: %s is not served: %s" % (order and order["id"], error), file=sys.stderr)
        try:
            application, serving = serve_live(order, before, error), before
        finally:
            report(before, order, error)
        return telling(application, serving, order)
    try:
        tidy(order, (record.get("pending") or {}).get("release"))
        flat = clear_flat(record)
    except (OSError, Unfit) as error:
        print("deployer: tidying up: %s" % error, file=sys.stderr)
    report(serving, order, flat=flat)
    return telling(application, serving, order, flat)


def build_alone(release):
    """`python3 <this file> build <id>`: what a site's commands need that are run before it is served.

    Builds what is ordered, and switches nothing. Prints what came of it; the exit status is 1 where nothing did.
    """
    try:
        build_where_missing(wait_for_order(release))
    except Exception as error:
        print(json.dumps({"release": release, "error": described(error)}))
        return 1
    print(json.dumps({"release": release}))
    return 0


def wait_for_order(release):
    """As for archives: the platform's storage may show this process a record from before."""
    last = time.time() + PATIENCE_S
    while True:
        order = ((read_record() or {}).get("pending") or {}).get("release")
        if order and checked_order(order)["id"] == release:
            return order
        if time.time() > last:
            raise Unfit("order", "the record does not order %s" % release)
        time.sleep(0.1)


if __name__ != "__main__":
    application = serve()
elif sys.argv[1:2] == ["build"] and len(sys.argv) == 3:
    sys.exit(build_alone(sys.argv[2]))
else:
    sys.exit("usage: %s build <release>" % sys.argv[0])
