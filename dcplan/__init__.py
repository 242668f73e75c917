"""dcplan: Terraform for AI-model infrastructure.

The Python API is ``dcplan.workflow``: one function a command.
"""

__version__ = "0.1.0"
