"""Every place in the code that has failpoints, by what is done there; each has one before and one after it."""

PLACES = {
    # media/folders.py: folders and files of sessions and uploads
    "media.folder.make": "a folder is made",
    "media.folder.sync": "its name is forced to disk",
    "media.replace.sync": "the content of a temporary file is forced to disk",
    "media.replace.rename": "the temporary file takes its final name",
    "media.replace.folder_sync": "the final name is forced to disk",
    "media.link.link": "a finished file gets a second, temporary name",
    "media.link.rename": "the second name becomes the final one",
    "media.link.folder_sync": "the final name is forced to disk",
    "media.remove.unlink": "a file is removed",
    "media.remove.rmdir": "an empty folder is removed",
    "media.remove.sync": "the removal is forced to disk",
    "media.sweep.unlink": "a temporary file that a dead process left is removed",
    # media/sessions.py: uploads
    "media.upload.make": "an empty upload is forced to disk",
    "media.upload.append": "a piece is forced to disk",
    "media.upload.rename": "a whole upload takes its final name",
    "media.upload.sync": "the final name is forced to disk",
    # chassis/live.py: the last known good version of a document
    "live.sync": "the content is forced to disk",
    "live.rename": "the new version takes the name of the old one",
    "live.folder_sync": "the name is forced to disk",
    "audit.write": "events of a record are written to its file",
    "audit.sync": "they are forced to disk",
    "audit.head.rename": "the new head of a record replaces the old one",
    "key.sync": "a file of keys is forced to disk",
    "key.rename": "it takes its final name",
    "key.folder_sync": "the name is forced to disk",
    # services/config
    "config.commit": "a change and its event are committed",
    # services/jobs: the store
    "jobs.lock": "the lock of the store is taken",
    "jobs.store.migrate": "the layout of the store is brought up to date",
    "jobs.store.write": "one write runs inside the common transaction",
    "jobs.store.commit": "the transaction is committed: one fsync",
    "jobs.store.deliver": "those who wait hear that their write is on disk",
    # services/jobs: the way of an attempt
    "jobs.accept": "a submission is stored",
    "jobs.attempt.prepare": "the folders of the session are made",
    "jobs.attempt.confirm": "the lease is looked at before files are published",
    "jobs.attempt.publish": "files get their final names",
    "jobs.attempt.commit": "the result is recorded",
    "jobs.attempt.fail": "a failure is recorded",
    "jobs.attempt.tidy": "what the attempt left is removed",
    "jobs.call.fetch": "the call to an analyzer",
    "jobs.call.probe": "the call to an analyzer",
    "jobs.call.analyze": "the call to an analyzer",
    "jobs.call.propose": "the call to an analyzer",
    "jobs.call.export": "the call to an exporter",
    "jobs.call.images": "the call to an exporter",
    "jobs.call.report": "the call to an exporter",
    "jobs.call.timelines": "the call to an exporter",
    # services/jobs: what people ask for, and housekeeping
    "jobs.cancel": "a cancellation is recorded",
    "jobs.retry": "a retry is recorded",
    "jobs.delete": "a deletion is recorded",
    "jobs.sweep.delete": "the files of a deleted job are removed",
    "jobs.sweep.record": "it is recorded that they are gone",
    "jobs.sweep.clear": "folders of dead attempts are removed",
}
ALL = frozenset(f"{place}.{side}" for place in PLACES for side in ("before", "after"))
