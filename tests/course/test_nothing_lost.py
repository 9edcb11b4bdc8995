"""Whatever two files go through, what a person wrote is in one of them, or in the copies that were kept."""

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from small_course import FIELDS, small_script

from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.course.pairing import in_step, sync

AWKWARD = ["", "# %%", "s = '''", "a\x0cb", "%%time", "# - "]  # what the two formats may not both hold


class TwoFiles(RuleBasedStateMachine):
    """Edits of either file, deletions, syncs and decisions, in any order."""

    @initialize()
    def hand_out(self):
        self.root = Path(tempfile.mkdtemp())
        (self.root / "module.yaml").write_text(yaml.safe_dump(FIELDS), encoding="utf-8")
        self.module = load_module(self.root)
        self.module.script.write_text(small_script(), encoding="utf-8")
        sync(self.module)
        self.written: set[str] = set()

    def teardown(self):
        shutil.rmtree(self.root)

    def texts(self) -> str:
        backups = self.root.glob(".tito/backup/*")
        files = [self.module.notebook, self.module.script, *backups]
        return "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())

    def mine(self) -> str:
        """A line that a person writes, told from all others."""
        self.written.add(f"mine_{len(self.written)} = 1")
        return f"mine_{len(self.written) - 1} = 1"

    @precondition(lambda self: self.module.script.exists())
    @rule(awkward=st.sampled_from(AWKWARD))
    def edit_the_script(self, awkward):
        text = self.module.script.read_text(encoding="utf-8")
        added = f"\n# %%\n{self.mine()}\n{awkward}\n"
        self.module.script.write_text(text + added, encoding="utf-8")

    @precondition(lambda self: self.module.notebook.exists())
    @rule(awkward=st.sampled_from(AWKWARD))
    def edit_the_notebook(self, awkward):
        notebook = json.loads(self.module.notebook.read_text(encoding="utf-8"))
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": "mine"}
        notebook["cells"].insert(3, cell | {"source": f"{self.mine()}\n{awkward}"})
        self.module.notebook.write_text(json.dumps(notebook), encoding="utf-8")

    @precondition(lambda self: self.module.notebook.exists() and self.module.script.exists())
    @rule(side=st.sampled_from(["notebook", "script"]))
    def delete(self, side):
        """What only the deleted file held is its owner's own loss."""
        getattr(self.module, side).unlink()
        self.written = {line for line in self.written if line in self.texts()}

    @rule(keep=st.sampled_from([None, None, None, "notebook", "script"]))
    def synchronise(self, keep):
        with suppress(UserError):
            sync(self.module, keep)
            assert in_step(self.module)

    @invariant()
    def nothing_is_lost(self):
        texts = self.texts()
        assert all(line in texts for line in self.written)


TwoFiles.TestCase.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoFiles = TwoFiles.TestCase
