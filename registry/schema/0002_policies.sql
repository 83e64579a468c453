-- Who else may do what to a repository: an IAM policy document, as it was given.
create table registry_policies (
	repository bigint primary key references registry_repositories (id) on delete cascade,
	document   text   not null
);
