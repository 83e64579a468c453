-- Who else may do what to the groups of an account: IAM policy documents, as they were given.
create table log_policies (
	account  text   not null,
	name     text   not null,
	document text   not null,
	updated  bigint not null,
	primary key (account, name)
);
