-- Which repositories have a blob is told by the index alone, so that a sweep looks at no link that is needed.
create index registry_links_blob_repository on registry_links (blob, repository);
drop index registry_links_blob;
