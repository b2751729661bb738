"""Provisioning in Google Cloud: one declaration; from it come the index file, the rules and a script of gcloud calls.

    parameter.py   what the one who deploys says: project, region …
    step.py        Look, Ensure, Pick, Expect, Do: what provisioning does, as data
    api.py account.py secret.py firestore.py topic.py function.py push.py schedule.py alert.py balancer.py
                   one file a cloud service: a table of what is wanted, and `steps`, which says it in steps
    declared.py    all of them in order          script.py   steps → bash (with prelude.sh)
    compare.py scheduler.py rules.py source.py key.py       what the script calls while it runs
    __main__.py    `python -m infra plan | deploy | files`

`README.md` is for the person who deploys.
"""
