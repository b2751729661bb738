"""Provisioning in Google Cloud: one declaration; from it come the index file, the rules and a script of gcloud calls.

    parameter.py   the parameters of a deployment: project, region …
    step.py        Look, Ensure, Pick, Expect, Do: the actions of provisioning, as data
    api.py account.py secret.py firestore.py topic.py function.py push.py schedule.py alert.py balancer.py
                   one file for each cloud service: a table of the wanted parts, and `steps`, which converts it to steps
    declared.py    all of them in order          script.py   steps → bash (with prelude.sh)
    compare.py scheduler.py rules.py source.py key.py       programs that the script calls
    __main__.py    `python -m infra plan | deploy | files`

`README.md` is for the person who deploys.
"""
